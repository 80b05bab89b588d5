/** Names one request in the logs of all that take part in it. */
export const REQUEST_ID_HEADER = 'x-request-id';
