export * from './database-session.js';
export * from './errors.js';
export * from './events.js';
export * from './headers.js';
export * from './tokens.js';
export * from './uuid7.js';
