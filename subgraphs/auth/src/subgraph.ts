import { JWKS_PATH } from '@taskgraph/contracts';
import {
  createHealth,
  createLog,
  createMetrics,
  createPgPool,
  createServiceEvents,
  createSubgraph,
  createTokenVerifier,
  openEventTransport,
  readHttpServerConfig,
  type EventTransport,
  type Log,
  type ServiceProcess,
  showsSchema,
  operationsAddress,
} from '@taskgraph/service-kit';
import type pg from 'pg';
import type { AuthConfig } from './config.js';
import type { AuthContext } from './context.js';
import { createAuthDb } from './db.js';
import { createPasswordHasher, type PasswordHasher } from './modules/accounts/password-hasher.js';
import { createKeyEncryption } from './modules/signing-keys/key-encryption.js';
import { loadKeyRing } from './modules/signing-keys/key-ring.js';
import { createTokenIssuer } from './modules/signing-keys/token-issuer.js';
import { createUserLoaders } from './modules/users/loaders.js';
import { resolvers, typeDefs } from './schema.js';
import { createAuthTelemetry } from './telemetry.js';

export { readAuthConfig, type AuthConfig } from './config.js';

/** What a test puts in the place of the real part. */
export interface AuthParts {
  readonly log: Log;
  readonly passwords: PasswordHasher;
  readonly transport: EventTransport;
  /** Gets the pool, to count the statements that go through it. */
  readonly onPool: (pool: pg.Pool) => void;
}

/** How long caches may keep the public keys. */
const JWKS_MAX_AGE_SECONDS = 15;

/**
 * Composes the auth subgraph. The database must be migrated.
 *
 * @throws when the database cannot be reached or its signing keys cannot be decrypted
 */
export async function createAuthSubgraph(
  config: AuthConfig,
  overrides: Partial<AuthParts> = {},
): Promise<ServiceProcess> {
  const log = overrides.log ?? createLog({ service: 'auth', level: config.LOG_LEVEL });
  const metrics = createMetrics('auth');
  const health = createHealth();
  const telemetry = createAuthTelemetry(metrics);
  const pool = createPgPool({
    connectionString: config.AUTH_DATABASE_URL,
    max: config.DB_POOL_MAX,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS,
    applicationName: 'taskgraph-auth',
    metrics,
    log,
    health,
  });
  overrides.onPool?.(pool);
  const db = createAuthDb(pool);
  const transport = overrides.transport ?? openEventTransport(config, { log, metrics });
  const events = createServiceEvents({
    source: 'auth',
    connectionString: config.AUTH_DATABASE_URL,
    pool,
    db,
    ...transport,
    handlers: {},
    log,
    metrics,
    health,
  });
  const release = async () => {
    await events.close();
    await transport.close();
    await db.$disconnect();
    await pool.end();
  };

  try {
    const keyRing = await loadKeyRing(db, createKeyEncryption(config.AUTH_KEY_ENCRYPTION_SECRET));
    const issuer = config.TOKEN_ISSUER;
    const audience = config.TOKEN_AUDIENCE;
    const verifier = createTokenVerifier({ jwks: keyRing, issuer, audience });
    const tokens = createTokenIssuer({
      keyRing,
      issuer,
      audience,
      lifetimeSeconds: config.ACCESS_TOKEN_LIFETIME_SECONDS,
    });
    const passwords = overrides.passwords ?? createPasswordHasher();

    return await createSubgraph<AuthContext>({
      name: 'auth',
      introspection: showsSchema(config),
      config: {
        ...readHttpServerConfig(config, config.AUTH_PORT),
        operations: operationsAddress(config.OPERATIONS_HOST, config.AUTH_OPERATIONS_PORT),
      },
      log,
      metrics,
      health,
      typeDefs,
      resolvers,
      verifier,
      context: (request) => ({
        ...request,
        db,
        passwords,
        tokens,
        verifier,
        telemetry,
        sessionLifetimeMs: config.SESSION_LIFETIME_SECONDS * 1000,
        refreshLeewayMs: config.REFRESH_LEEWAY_SECONDS * 1000,
        issuedTo: new Set(),
      }),
      loaders: () => createUserLoaders(db),
      routes: (app) => {
        app.get(JWKS_PATH, (_request, response) => {
          response
            .set('cache-control', `public, max-age=${JWKS_MAX_AGE_SECONDS}`)
            .type('application/jwk-set+json')
            .send(JSON.stringify({ keys: keyRing.publicKeys }));
        });
      },
      onListen: () => events.start(),
      onClose: [release],
    });
  } catch (error) {
    await release();
    throw error;
  }
}
