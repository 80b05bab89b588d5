import {
  clientInfoSecrets,
  composeSubgraph,
  createExportSending,
  createRateLimits,
  watchRevocations,
  type BackgroundWork,
  type ServiceProcess,
  type SubgraphParts,
} from '@taskgraph/service-kit';
import type { AuthConfig } from './config.js';
import type { AuthContext } from './context.js';
import { createAuthDb, type AuthDb, type AuthDbClient } from './db.js';
import { createPasswordHasher, type PasswordHasher } from './modules/passwords/password-hasher.js';
import { toStrengthChecks } from './modules/passwords/settings.js';
import { createStrengthChecks } from './modules/passwords/strength-checks.js';
import { createLetters } from './mail/letters.js';
import type { Mailer } from './mail/mailer.js';
import { createMailPruning, openMailer } from './mail/open-mailer.js';
import { createPostOffice } from './mail/post-office.js';
import { auditHandlers } from './modules/audit/events.js';
import { createUserReads } from './modules/audit/privileged-reads.js';
import { dataExportHandlers } from './modules/data-exports/events.js';
import { sendExport } from './modules/data-exports/service.js';
import { erasureHandlers } from './modules/erasure/events.js';
import { createPendingErasures } from './modules/erasure/pending-erasures.js';
import { createRoleWatch } from './modules/roles/noted-changes.js';
import { createLockout } from './modules/lockout/service.js';
import { toLockout } from './modules/lockout/settings.js';
import { toSignInLimits } from './modules/accounts/settings.js';
import { createSignInLimits } from './modules/accounts/sign-in-limits.js';
import { createRevocations } from './modules/sessions/revocations.js';
import { sessionTokensRoute } from './modules/sessions/cookie-sessions.js';
import { revocationsRoute } from './modules/sessions/routes.js';
import { toRevocations, toSessionTimes } from './modules/sessions/settings.js';
import { loadKeyRing, type KeyRingOptions } from './modules/signing-keys/key-ring.js';
import { openKeyStore } from './modules/signing-keys/open-keys.js';
import { jwksRoute } from './modules/signing-keys/routes.js';
import { toKeyRing, toTokenIssuer } from './modules/signing-keys/settings.js';
import { createTokenIssuer } from './modules/signing-keys/token-issuer.js';
import { createSecondFactorLoaders } from './modules/second-factor/loaders.js';
import { toSecondFactor, toTotpVault } from './modules/second-factor/settings.js';
import { createTotpVault } from './modules/second-factor/vault.js';
import { createUserLoaders } from './modules/users/loaders.js';
import { retentionRules } from './retention.js';
import { resolvers, typeDefs } from './schema.js';
import { createAuthTelemetry } from './telemetry.js';

export { readAuthConfig, type AuthConfig } from './config.js';
export type { Mail, Mailer } from './mail/mailer.js';
export { openMailer } from './mail/open-mailer.js';

/** What a test puts in the place of the real part. */
export interface AuthParts extends SubgraphParts {
  readonly passwords: PasswordHasher;
  readonly mailer: Mailer;
}

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
      const onRotation: KeyRingOptions['onRotation'] = (kid, reason) => telemetry.signingKeyRotated(log, kid, reason);
      const keyRing = keep(await loadKeyRing({ ...openKeyStore(db, config), ...toKeyRing(config), log, onRotation }));
      const revocations = keep(createRevocations({ db, feed, log, ...toRevocations(config) }));
      watchRevocations(revocations, metrics);
      const verifier = verify({ jwks: keyRing, revocations });
      const tokens = createTokenIssuer({ keyRing, ...toTokenIssuer(config) });
      const lockout = keep(createLockout({ db, log, ...toLockout(config) }));
      const rates = keep(createRateLimits({ redisUrl: config.REDIS_URL, log, metrics }));
      const limits = createSignInLimits({ limits: rates, ...toSignInLimits(config) });
      const totpVault = keep(createTotpVault({ db, log, ...toTotpVault(config) }));
      const mailer = parts.mailer ?? openMailer(config, log);
      const post = keep(createPostOffice({ mailer, metrics, log }));
      run(createPendingErasures({ db, metrics, log }));
      run(createRoleWatch({ db, log }));
      exporting = run(createExportSending({ db, send: (tx, ids) => sendExport(log, tx, ids), log }));
      run(createMailPruning(mailer, config, log));
      const letters = createLetters(config.APP_URL);
      const passwords = parts.passwords ?? createPasswordHasher();
      const passwordChecks = keep(createStrengthChecks({ log, metrics, ...toStrengthChecks(config) }));
      const times = toSessionTimes(config);
      const secondFactor = toSecondFactor(config);
      return {
        typeDefs,
        resolvers,
        verifier,
        context: (request) => ({
          ...request,
          ...{ db, passwords, passwordChecks, lockout, limits, letters, post, tokens, verifier, keyRing },
          ...{ revocations, telemetry, totpVault },
          ...times,
          ...secondFactor,
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
          sessionTokensRoute({
            db,
            tokens,
            sessionLifetimeMs: times.sessionLifetimeMs,
            secrets: clientInfoSecrets(config),
          })(app);
        },
      };
    },
  });
}
