export { check, compareGraphs, type Checked, type CheckOptions } from './check.js';
export { CheckError } from './check-error.js';
export { EXIT, runCli, type CliOptions } from './cli.js';
export type { Finding, OperationFigures, Place, Report, UsedBy } from './finding.js';
export { FORMATS, type Format } from './formats/formats.js';
export { composeGraph, readGraph, readSupergraph, type Graph } from './graph/graph.js';
export { readSettings, type Settings } from './settings.js';
export { createFolderStore, type RegistryStore } from './registry/registry-store.js';
export { createRegistry, type Registry, type Version } from './registry/registry.js';
