/**
 * Times that a process gives to what works, on a machine with busy neighbours too. Tests tell what happens; how long it may take is told by
 * tests of their own, which say their time.
 */
export const PATIENCE = {
  PASSWORD_CHECK_TIMEOUT_MS: '60000',
  DB_CONNECT_TIMEOUT_MS: '60000',
  DB_STATEMENT_TIMEOUT_MS: '60000',
  PEER_TIMEOUT_MS: '60000',
  MEDIA_PROCESSING_WAIT_MS: '60000',
  SUBGRAPH_TIMEOUT_MS: '60000',
  OPERATION_TIMEOUT_MS: '90000',
  PLAN_TIMEOUT_MS: '60000',
} as const;

/** How long a test waits for what starts, or comes, before it tells that nothing came: less than a test may take. */
export const PATIENT_MS = 240_000;
