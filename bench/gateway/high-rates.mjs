/**
 * Settings with which a gateway counts what clients ask for, as it does in production, and refuses nothing: all of a benchmark's come from one
 * address.
 */
export const HIGH_RATES = Object.fromEntries(
  ['ADDRESS', 'ANONYMOUS', 'MUTATIONS', 'UPLOADS', 'UPLOAD_BYTES', 'COST'].map((limit) => [
    `RATE_LIMIT_${limit}`,
    '1000000000000/60',
  ]),
);
