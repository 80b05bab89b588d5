export * from './graphql-client.js';
export * from './graphql-expectations.js';
export * from './test-databases.js';
export * from './test-identity.js';
export * from './uuid7.js';
