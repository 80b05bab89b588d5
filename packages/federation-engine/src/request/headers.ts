/** Names one request in the logs of all that take part in it. */
export const REQUEST_ID_HEADER = 'x-request-id';

/**
 * Until when the answer to a mutation is waited for, in milliseconds since the epoch: a subgraph that finds it later, for it was stopped
 * or could not keep up, had better change nothing.
 */
export const REQUEST_DEADLINE_HEADER = 'x-request-deadline';
