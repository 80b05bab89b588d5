import {
  clientInfoSecrets,
  composeSubgraph,
  createBackgroundWork,
  createExportSending,
  createRateLimits,
  readExemption,
  watchRevocations,
  type BackgroundWork,
  type Log,
  type ServiceProcess,
  type SubgraphParts,
} from '@taskgraph/service-kit';
import type { AuthConfig } from './config.js';
import type { AuthContext } from './context.js';
import { createAuthDb, type AuthDb, type AuthDbClient } from './db.js';
import { createPasswordHasher, type PasswordHasher } from './modules/passwords/password-hasher.js';
import { createStrengthChecks } from './modules/passwords/strength-checks.js';
import path from 'node:path';
import { createKeyEncryption } from './key-encryption.js';
import { createLetters } from './mail/letters.js';
import { createFolderMailer, createSmtpMailer, type Mailer } from './mail/mailer.js';
import { createPostOffice } from './mail/post-office.js';
import { auditHandlers } from './modules/audit/events.js';
import { createUserReads } from './modules/audit/privileged-reads.js';
import { dataExportHandlers } from './modules/data-exports/events.js';
import { sendExport } from './modules/data-exports/service.js';
import { erasureHandlers } from './modules/erasure/events.js';
import { createPendingErasures } from './modules/erasure/pending-erasures.js';
import { createRoleWatch } from './modules/roles/noted-changes.js';
import { createLockout } from './modules/lockout/service.js';
import { createSignInLimits, type SignInLimitsOptions } from './modules/accounts/sign-in-limits.js';
import { createRevocations } from './modules/sessions/revocations.js';
import { sessionTokensRoute } from './modules/sessions/cookie-sessions.js';
import { revocationsRoute } from './modules/sessions/routes.js';
import { loadKeyRing } from './modules/signing-keys/key-ring.js';
import { openKeyStore } from './modules/signing-keys/open-keys.js';
import { jwksRoute } from './modules/signing-keys/routes.js';
import { createTokenIssuer } from './modules/signing-keys/token-issuer.js';
import { createSecondFactorLoaders } from './modules/second-factor/loaders.js';
import { createTotpVault } from './modules/second-factor/vault.js';
import { createUserLoaders } from './modules/users/loaders.js';
import { retentionRules } from './retention.js';
import { resolvers, typeDefs } from './schema.js';
import { createAuthTelemetry } from './telemetry.js';

export { readAuthConfig, type AuthConfig } from './config.js';
export type { Mail, Mailer } from './mail/mailer.js';

/** What a test puts in the place of the real part. */
export interface AuthParts extends SubgraphParts {
  readonly passwords: PasswordHasher;
  readonly mailer: Mailer;
}

/** How mails leave: by a server, or into a folder where none is set. */
export function openMailer(
  config: Pick<AuthConfig, 'SMTP_URL' | 'MAIL_FROM' | 'TASKGRAPH_DATA_DIR'>,
  log: Log,
): Mailer {
  if (config.SMTP_URL !== undefined) return createSmtpMailer(config.SMTP_URL, config.MAIL_FROM);
  return createFolderMailer(path.join(config.TASKGRAPH_DATA_DIR, 'mail'), config.MAIL_FROM, log);
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Composes the auth subgraph. The database must be migrated.
 *
 * @throws when the database cannot be reached or its signing keys cannot be decrypted
 */
export function createAuthSubgraph(config: AuthConfig, parts: Partial<AuthParts> = {}): Promise<ServiceProcess> {
  let exporting: BackgroundWork | undefined;
  return composeSubgraph<AuthContext, AuthDbClient, AuthDb>({
    name: 'auth',
    config,
    port: config.AUTH_PORT,
    operationsPort: config.AUTH_OPERATIONS_PORT,
    databaseUrl: config.AUTH_DATABASE_URL,
    createDb: createAuthDb,
    handlers: { ...erasureHandlers, ...dataExportHandlers(() => exporting?.wake()), ...auditHandlers },
    retention: retentionRules(config),
    parts,
    async own({ db, feed, log, metrics, verifier: verify, keep, run }) {
      const telemetry = createAuthTelemetry(metrics);
      const keyRing = keep(
        await loadKeyRing({
          ...openKeyStore(db, config),
          rotateAfterMs: config.KEY_ROTATION_DAYS > 0 ? config.KEY_ROTATION_DAYS * DAY_MS : null,
          log,
          onRotation: (kid, reason) => telemetry.signingKeyRotated(log, kid, reason),
        }),
      );
      const revocations = keep(
        createRevocations({
          db,
          feed,
          accessTokenLifetimeSeconds: config.ACCESS_TOKEN_LIFETIME_SECONDS,
          pollMs: config.REVOCATION_POLL_MS,
          log,
        }),
      );
      watchRevocations(revocations, metrics);
      const verifier = verify({ jwks: keyRing, revocations });
      const tokens = createTokenIssuer({
        keyRing,
        issuer: config.TOKEN_ISSUER,
        audience: config.TOKEN_AUDIENCE,
        lifetimeSeconds: config.ACCESS_TOKEN_LIFETIME_SECONDS,
      });
      const lockout = keep(
        createLockout({
          db,
          limits: {
            perAccountAndNetwork: config.LOGIN_MAX_FAILURES,
            perAccount: config.LOGIN_MAX_FAILURES_PER_ACCOUNT,
            perNetwork: config.LOGIN_MAX_FAILURES_PER_NETWORK,
          },
          firstLockMs: config.LOGIN_LOCK_SECONDS * 1000,
          maxLockMs: config.LOGIN_MAX_LOCK_SECONDS * 1000,
          log,
        }),
      );
      const limits = keep(createRateLimits({ redisUrl: config.REDIS_URL, log, metrics }));
      const signInLimits = createSignInLimits({ ...toSignInLimits(config), limits });
      const totpVault = keep(
        createTotpVault({
          db,
          encryption: createKeyEncryption(
            config.AUTH_KEY_ENCRYPTION_SECRET,
            config.AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS,
            'totp',
          ),
          renews: config.AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS !== undefined,
          log,
        }),
      );
      const mailer = parts.mailer ?? openMailer(config, log);
      const post = keep(createPostOffice({ mailer, metrics, log }));
      run(createPendingErasures({ db, metrics, log }));
      run(createRoleWatch({ db, log }));
      exporting = run(createExportSending({ db, send: (tx, ids) => sendExport(log, tx, ids), log }));
      run(
        createBackgroundWork({
          name: 'old mails',
          intervalMs: config.RETENTION_INTERVAL_SECONDS * 1000,
          log,
          async work() {
            await mailer.prune?.();
            return null;
          },
        }),
      );
      const letters = createLetters(config.APP_URL);
      const sessionLifetimeMs = config.SESSION_LIFETIME_SECONDS * 1000;
      const passwords = parts.passwords ?? createPasswordHasher();
      const passwordChecks = keep(
        createStrengthChecks({
          threads: config.PASSWORD_CHECK_THREADS,
          maxWaiting: config.PASSWORD_CHECK_MAX_WAITING,
          timeoutMs: config.PASSWORD_CHECK_TIMEOUT_MS,
          log,
          metrics,
        }),
      );
      return {
        typeDefs,
        resolvers,
        verifier,
        context: (request) => ({
          ...request,
          db,
          passwords,
          passwordChecks,
          lockout,
          limits: signInLimits,
          letters,
          post,
          tokens,
          verifier,
          keyRing,
          revocations,
          telemetry,
          sessionLifetimeMs,
          reauthenticationMaxAgeMs: config.REAUTHENTICATION_MAX_AGE_SECONDS * 1000,
          refreshLeewayMs: config.REFRESH_LEEWAY_SECONDS * 1000,
          totpVault,
          secondFactorName: config.SECOND_FACTOR_NAME,
          challengeLifetimeMs: config.SECOND_FACTOR_CHALLENGE_SECONDS * 1000,
          issuedTo: new Set(),
        }),
        loaders: (request) => ({
          ...createUserLoaders(db),
          ...createSecondFactorLoaders(db),
          privilegedRead: createUserReads(db, request),
        }),
        routes: (app) => {
          jwksRoute(keyRing)(app);
          revocationsRoute(revocations)(app);
          sessionTokensRoute({ db, tokens, sessionLifetimeMs, secrets: clientInfoSecrets(config) })(app);
        },
      };
    },
  });
}

function toSignInLimits(config: AuthConfig): Pick<SignInLimitsOptions, 'rates' | 'isExempt'> {
  const rate = (given: AuthConfig['RATE_LIMIT_SIGN_INS']) => (config.RATE_LIMITS ? given : null);
  const rates = {
    registrations: rate(config.RATE_LIMIT_REGISTRATIONS),
    signIns: rate(config.RATE_LIMIT_SIGN_INS),
    refreshes: rate(config.RATE_LIMIT_REFRESHES),
    verifications: rate(config.RATE_LIMIT_VERIFICATIONS),
    tokenUses: rate(config.RATE_LIMIT_TOKEN_USES),
  };
  return { rates, isExempt: readExemption(config) };
}
