export * from './entity-server.js';
export * from './free-ports.js';
export * from './graphql-client.js';
export * from './graphql-expectations.js';
export * from './spawned-graph.js';
export * from './test-databases.js';
export * from './test-identity.js';
export * from './uuid7.js';
