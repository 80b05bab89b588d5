export * from './cluster.js';
export * from './cluster-connection.js';
export * from './cluster-error.js';
export * from './free-port.js';
export * from './running-cluster.js';
