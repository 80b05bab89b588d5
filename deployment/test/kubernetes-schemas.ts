import { createRequire } from 'node:module';
import path from 'node:path';
import ts from 'typescript';
import { ROOT } from './repository.js';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

interface Model {
  validate(): void;
}

/** Where the schemas of a group are, for groups that are no part of Kubernetes itself. */
const PACKAGES: Readonly<Record<string, string>> = {
  'cloud.google.com': '@kubernetes-models/gke',
  'external-secrets.io': '@kubernetes-models/external-secrets',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'networking.gke.io': '@kubernetes-models/gke',
};
/** The operator renamed its version when it was stable; what is used here is the same in both. */
const SAME_AS: Readonly<Record<string, string>> = { 'external-secrets.io/v1': 'external-secrets.io/v1beta1' };

const load = createRequire(path.join(ROOT, 'deployment/package.json'));

function moduleOf({ apiVersion, kind }: Manifest): string {
  const version = SAME_AS[apiVersion] ?? apiVersion;
  const group = version.includes('/') ? (version.split('/')[0] as string) : '';
  return `${PACKAGES[group] ?? 'kubernetes-models'}/${version}/${kind}`;
}

function asKnown(manifest: Manifest): Manifest {
  return { ...manifest, apiVersion: SAME_AS[manifest.apiVersion] ?? manifest.apiVersion };
}

/** What the schema of its kind has against a manifest; null when nothing. */
export function violation(manifest: Manifest): string | null {
  const models = load(moduleOf(manifest)) as Readonly<Record<string, new (data: Manifest) => Model>>;
  const Kind = models[manifest.kind];
  if (!Kind) return `${manifest.apiVersion} has no ${manifest.kind}`;
  try {
    new Kind(asKnown(manifest)).validate();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Members that the types of Kubernetes do not have, which its API refuses when it is asked to be strict. Schemas say nothing of them,
 * but the compiler does: of object literals it takes known members only.
 */
export function unknownMembers(manifests: readonly Manifest[]): string[] {
  const file = path.join(ROOT, 'deployment/test/manifests.ts');
  const imports = new Map(manifests.map((manifest) => [moduleOf(manifest), manifest.kind]));
  const aliases = new Map([...imports.keys()].map((module, index) => [module, `Kind${index}`]));
  const text = [
    ...[...imports].map(([module, kind]) => `import type { I${kind} as ${aliases.get(module)} } from '${module}';`),
    ...manifests.map(
      (manifest, index) =>
        `export const manifest${index}: ${aliases.get(moduleOf(manifest))} = ${JSON.stringify(asKnown(manifest))};`,
    ),
  ].join('\n');
  const options: ts.CompilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => name === file || disk.fileExists(name),
    readFile: (name) => (name === file ? text : disk.readFile(name)),
    getSourceFile: (name, ...rest) =>
      name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022) : disk.getSourceFile(name, ...rest),
  };
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const before = text.slice(0, diagnostic.start).split('\n').length - 1 - imports.size;
    const manifest = manifests[before];
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');
    return `${manifest?.kind ?? 'import'} ${manifest?.metadata.name ?? ''}: ${message}`;
  });
}
