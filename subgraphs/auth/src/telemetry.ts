import { fromZero, type Log, type Metrics } from '@taskgraph/service-kit';

const REGISTRATIONS = ['ok', 'email_taken', 'weak_password'] as const;
const LOGINS = ['ok', 'challenged', 'refused', 'locked'] as const;
const REFRESHES = ['ok', 'repeated', 'unknown', 'ended', 'reused'] as const;
const LOCKOUTS = ['pair', 'account', 'network'] as const;
const REVOCATIONS = [
  'logout',
  'logout_everywhere',
  'revoked',
  'replaced',
  'password_changed',
  'password_reset',
  'account_deleted',
] as const;
const SECOND_FACTORS = ['enabled', 'disabled', 'recovery_code'] as const;
const ROTATIONS = ['age', 'request'] as const;
type RegistrationOutcome = (typeof REGISTRATIONS)[number];
type LoginOutcome = (typeof LOGINS)[number];
type RefreshOutcome = (typeof REFRESHES)[number];

/** One function per business event: log line and counter together. Ids go to the log, never into labels. */
export interface AuthTelemetry {
  registration(log: Log, outcome: RegistrationOutcome, userId?: string): void;
  /** @param scope what has had too many failures */
  login(log: Log, outcome: LoginOutcome, userId?: string, scope?: (typeof LOCKOUTS)[number]): void;
  passwordRehashed(log: Log, userId: string): void;
  /** @param userId undefined when no account has the address */
  passwordResetRequested(log: Log, userId: string | undefined): void;
  emailVerified(log: Log, userId: string, isChange: boolean): void;
  refresh(log: Log, outcome: RefreshOutcome, sessionId?: string): void;
  sessionsRevoked(log: Log, reason: (typeof REVOCATIONS)[number], userId: string, count: number): void;
  passwordChanged(log: Log, userId: string): void;
  secondFactor(log: Log, event: (typeof SECOND_FACTORS)[number], userId: string): void;
  accountDeleted(log: Log, userId: string): void;
  signingKeyRotated(log: Log, kid: string, reason: (typeof ROTATIONS)[number]): void;
  signingKeyAsked(log: Log, kid: string, userId: string): void;
}

export function createAuthTelemetry(metrics: Metrics): AuthTelemetry {
  const registrations = metrics.counter('taskgraph_auth_registrations_total', 'Attempts to open an account.', [
    'outcome',
  ]);
  const logins = metrics.counter('taskgraph_auth_logins_total', 'Attempts to log in.', ['outcome']);
  const refreshes = metrics.counter('taskgraph_auth_refreshes_total', 'Attempts to renew a session.', ['outcome']);
  const revocations = metrics.counter('taskgraph_auth_sessions_revoked_total', 'Sessions ended by their user.', [
    'reason',
  ]);
  const passwordChanges = metrics.counter('taskgraph_auth_password_changes_total', 'Passwords changed.');
  const secondFactors = metrics.counter(
    'taskgraph_auth_second_factors_total',
    'Second factors turned on and off, and recovery codes used.',
    ['event'],
  );
  const deletions = metrics.counter('taskgraph_auth_accounts_deleted_total', 'Accounts deleted by their owner.');
  const lockouts = metrics.counter(
    'taskgraph_auth_lockouts_total',
    'Attempts to log in that were refused for the failures before, by what is counted: an account from a network (pair), an account, a network.',
    ['scope'],
  );
  const resets = metrics.counter(
    'taskgraph_auth_password_reset_requests_total',
    'Requests for a new password, by whether an account has the address.',
    ['outcome'],
  );
  const rotations = metrics.counter('taskgraph_auth_key_rotations_total', 'Signing keys made.', ['reason']);
  fromZero(registrations, 'outcome', REGISTRATIONS);
  fromZero(logins, 'outcome', LOGINS);
  fromZero(refreshes, 'outcome', REFRESHES);
  fromZero(revocations, 'reason', REVOCATIONS);
  fromZero(secondFactors, 'event', SECOND_FACTORS);
  fromZero(lockouts, 'scope', LOCKOUTS);
  fromZero(resets, 'outcome', ['ok', 'unknown']);
  fromZero(rotations, 'reason', ROTATIONS);
  return {
    registration(log, outcome, userId) {
      registrations.inc({ outcome });
      log.info({ outcome, userId }, 'registration');
    },
    login(log, outcome, userId, scope) {
      logins.inc({ outcome });
      if (scope) lockouts.inc({ scope });
      log[outcome === 'ok' || outcome === 'challenged' ? 'info' : 'warn']({ outcome, userId, scope }, 'login');
    },
    passwordResetRequested(log, userId) {
      resets.inc({ outcome: userId === undefined ? 'unknown' : 'ok' });
      log.info({ userId }, 'a new password was asked for');
    },
    emailVerified(log, userId, isChange) {
      log.info({ userId, isChange }, 'an e-mail address was confirmed');
    },
    passwordRehashed(log, userId) {
      log.info({ userId }, 'a password is stored by the present parameters');
    },
    refresh(log, outcome, sessionId) {
      refreshes.inc({ outcome });
      if (outcome === 'reused')
        log.warn({ outcome, sessionId }, 'a spent refresh token was presented; the session is ended');
      else log.info({ outcome, sessionId }, 'session refresh');
    },
    sessionsRevoked(log, reason, userId, count) {
      revocations.inc({ reason }, count);
      log.info({ reason, userId, count }, 'sessions revoked');
    },
    passwordChanged(log, userId) {
      passwordChanges.inc();
      log.info({ userId }, 'password changed');
    },
    secondFactor(log, event, userId) {
      secondFactors.inc({ event });
      log.info({ event, userId }, 'second factor');
    },
    accountDeleted(log, userId) {
      deletions.inc();
      log.info({ userId }, 'account deleted');
    },
    signingKeyRotated(log, kid, reason) {
      rotations.inc({ reason });
      log.info({ kid, reason }, 'a new signing key is published');
    },
    signingKeyAsked(log, kid, userId) {
      log.info({ kid, userId }, 'an administrator asked for the next signing key');
    },
  };
}
