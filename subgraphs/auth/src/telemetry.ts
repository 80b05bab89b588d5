import type { Log, Metrics } from '@taskgraph/service-kit';

type RegistrationOutcome = 'registered' | 'email_taken' | 'weak_password';
type LoginOutcome = 'accepted' | 'refused';
type RefreshOutcome = 'renewed' | 'repeated' | 'unknown' | 'ended' | 'reused';

/** One function per business event: log line and counter together. Ids go to the log, never into labels. */
export interface AuthTelemetry {
  registration(log: Log, outcome: RegistrationOutcome, userId?: string): void;
  login(log: Log, outcome: LoginOutcome, userId?: string): void;
  refresh(log: Log, outcome: RefreshOutcome, sessionId?: string): void;
  sessionsRevoked(
    log: Log,
    reason: 'logout' | 'logout_everywhere' | 'revoked' | 'password_changed',
    userId: string,
    count: number,
  ): void;
  passwordChanged(log: Log, userId: string): void;
  signingKeyRotated(log: Log, kid: string, reason: 'age' | 'request'): void;
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
  const rotations = metrics.counter('taskgraph_auth_key_rotations_total', 'Signing keys made.', ['reason']);
  return {
    registration(log, outcome, userId) {
      registrations.inc({ outcome });
      log.info({ outcome, userId }, 'registration');
    },
    login(log, outcome, userId) {
      logins.inc({ outcome });
      log[outcome === 'refused' ? 'warn' : 'info']({ outcome, userId }, 'login');
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
    signingKeyRotated(log, kid, reason) {
      rotations.inc({ reason });
      log.info({ kid, reason }, 'a new signing key is published');
    },
    signingKeyAsked(log, kid, userId) {
      log.info({ kid, userId }, 'an administrator asked for the next signing key');
    },
  };
}
