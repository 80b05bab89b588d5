import type { RequestContext, TokenVerifier } from '@taskgraph/service-kit';
import type { AuthDb } from './db.js';
import type { StrengthChecks } from './modules/passwords/strength-checks.js';
import type { PasswordHasher } from './modules/passwords/password-hasher.js';
import type { Letters } from './mail/letters.js';
import type { PostOffice } from './mail/post-office.js';
import type { Lockout } from './modules/lockout/service.js';
import type { KeyRing } from './modules/signing-keys/key-ring.js';
import type { SignInLimits } from './modules/accounts/sign-in-limits.js';
import type { SecondFactorLoaders } from './modules/second-factor/loaders.js';
import type { TotpVault } from './modules/second-factor/vault.js';
import type { TokenIssuer } from './modules/signing-keys/token-issuer.js';
import type { Revocations } from './modules/sessions/revocations.js';
import type { UserLoaders, UserReads } from './modules/users/loaders.js';
import type { AuthTelemetry } from './telemetry.js';

/** What one execution in the auth subgraph carries. */
export interface AuthContext extends RequestContext {
  readonly db: AuthDb;
  readonly loaders: UserLoaders & SecondFactorLoaders & { readonly privilegedRead: UserReads };
  readonly passwords: PasswordHasher;
  readonly passwordChecks: StrengthChecks;
  readonly lockout: Lockout;
  readonly limits: SignInLimits;
  readonly letters: Letters;
  readonly post: PostOffice;
  readonly tokens: TokenIssuer;
  readonly verifier: TokenVerifier;
  readonly keyRing: Pick<KeyRing, 'rotate'>;
  readonly revocations: Revocations;
  readonly telemetry: AuthTelemetry;
  readonly sessionLifetimeMs: number;
  /** How old the last proof of the password may be where a change needs one. */
  readonly reauthenticationMaxAgeMs: number;
  readonly refreshLeewayMs: number;
  readonly totpVault: TotpVault;
  /** How authenticator apps name this installation. */
  readonly secondFactorName: string;
  readonly challengeLifetimeMs: number;
  /** Users who got tokens in this very execution: they see their own e-mail address although the request carries no token. */
  readonly issuedTo: Set<string>;
}
