import type { Manifest } from './kubernetes-schemas.js';

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
    readonly configMapKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
  };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly Variable[];
  readonly ports?: readonly object[];
  readonly resources?: object;
  readonly securityContext?: object;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
}

interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly securityContext?: { readonly runAsUser?: number };
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly topologySpreadConstraints?: ReadonlyArray<{ readonly topologyKey: string }>;
  readonly volumes?: ReadonlyArray<{ readonly name: string; readonly emptyDir?: { readonly sizeLimit?: string } }>;
}

interface PodTemplate {
  readonly spec: PodSpec;
}

export interface PodOwner extends Manifest {
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template?: PodTemplate;
    readonly jobTemplate?: { readonly spec: { readonly template: PodTemplate } };
  };
}

interface Peer {
  readonly podSelector?: {
    readonly matchLabels?: Readonly<Record<string, string>>;
    readonly matchExpressions?: ReadonlyArray<{ readonly values: readonly string[] }>;
  };
}

export interface NetworkPolicy extends Manifest {
  readonly spec: {
    readonly podSelector?: Peer['podSelector'];
    readonly ingress?: ReadonlyArray<{
      readonly from?: readonly Peer[];
      readonly ports?: ReadonlyArray<{ readonly port: number }>;
    }>;
    readonly egress?: ReadonlyArray<{ readonly to?: readonly Peer[] }>;
  };
}

export interface Pod {
  readonly name: string;
  readonly spec: PodSpec;
}

/** What runs containers. */
export function podsOf(manifests: readonly Manifest[]): Pod[] {
  return manifests.flatMap((manifest) => {
    const { spec } = manifest as PodOwner;
    const template = spec?.jobTemplate?.spec.template ?? spec?.template;
    return template?.spec ? [{ name: `${manifest.kind} ${manifest.metadata.name}`, spec: template.spec }] : [];
  });
}

export function containersOf({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** @throws when there is none, or more than one */
export function find<Kind extends Manifest>(manifests: readonly Manifest[], kind: string, name: string): Kind {
  const found = manifests.filter((one) => one.kind === kind && one.metadata.name === name);
  if (found.length !== 1) throw new Error(`There are ${found.length} of ${kind} ${name}.`);
  return found[0] as Kind;
}

/** Good for any setting that is a secret. */
export const RANDOM_SECRET = 'f3b1c07ad95e4826b0d7f1a2c3958e64d7a9b0c1e2f3a4b5';

/** The environment of a container; what only a secret knows gets a value that is good for any. */
export function environmentOf({ env = [] }: Container, manifests: readonly Manifest[]): Record<string, string> {
  const read = ({ value, valueFrom }: Variable): string | undefined => {
    if (valueFrom?.configMapKeyRef) {
      const { name, key, optional } = valueFrom.configMapKeyRef;
      const { data } = find<Manifest & { data: Record<string, string> }>(manifests, 'ConfigMap', name);
      if (data[key] === undefined && optional !== true) throw new Error(`The ConfigMap ${name} has no ${key}.`);
      return data[key];
    }
    const key = valueFrom?.secretKeyRef?.key;
    if (key === undefined) return value;
    if (key.endsWith('_DATABASE_URL')) return 'postgresql://user:password@10.0.0.1:5432/database';
    if (key === 'SMTP_URL') return 'smtps://user:password@mail.example.com';
    if (key === 'OTEL_EXPORTER_OTLP_HEADERS') return `api-key=${RANDOM_SECRET}`;
    return key === 'REDIS_URL' ? 'redis://10.0.0.2:6379' : RANDOM_SECRET;
  };
  return Object.fromEntries(
    env.flatMap((one) => [[one.name, read(one)] as const]).filter(([, value]) => value !== undefined),
  ) as Record<string, string>;
}
