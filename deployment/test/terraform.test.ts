import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { PubSub } from '@google-cloud/pubsub';
import { applyTopology } from '../../packages/service-kit/src/events/pubsub-topology.js';
import { membersOf, readModule, type HclModule } from './hcl.js';
import { PROCESSES } from './processes.js';
import { readText, ROOT } from './repository.js';

const MODULE = 'terraform/modules/taskgraph';
const ENVIRONMENTS = ['dev', 'production'];
const taskgraph = await readModule(MODULE);
const environments = new Map<string, HclModule>();
for (const name of ENVIRONMENTS) environments.set(name, await readModule(`terraform/environments/${name}`));

/** What the code makes where nothing is, as it tells Google's client library. */
async function topologyOfTheCode() {
  const topics: string[] = [];
  const subscriptions = new Map<string, { topic: string; settings: Readonly<Record<string, unknown>> }>();
  const client = {
    projectId: 'project',
    isEmulator: false,
    topic: (name: string) => ({
      name: `projects/project/topics/${name}`,
      create: async () => void topics.push(name),
      createSubscription: async (subscription: string, { gaxOpts: _limits, ...settings }: Record<string, unknown>) =>
        void subscriptions.set(subscription, { topic: name, settings }),
    }),
  };
  await applyTopology(client as unknown as PubSub);
  return { topics, subscriptions };
}

function seconds(value: unknown): number {
  return Number(/^(\d+)s$/.exec(String(value))?.[1]);
}

/** A subscription of Terraform in the words of the client library. */
function settingsOf(block: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const [retry] = (block['retry_policy'] ?? []) as Array<Record<string, string>>;
  const [letters] = (block['dead_letter_policy'] ?? []) as Array<Record<string, unknown>>;
  const [expiration] = block['expiration_policy'] as Array<Record<string, string>>;
  expect(expiration).toEqual({ ttl: '' });
  return {
    ...(block['enable_message_ordering'] === true && { enableMessageOrdering: true }),
    ackDeadlineSeconds: block['ack_deadline_seconds'],
    messageRetentionDuration: { seconds: seconds(block['message_retention_duration']) },
    expirationPolicy: {},
    ...(retry && {
      retryPolicy: {
        minimumBackoff: { seconds: seconds(retry['minimum_backoff']) },
        maximumBackoff: { seconds: seconds(retry['maximum_backoff']) },
      },
    }),
    ...(letters && {
      deadLetterPolicy: {
        deadLetterTopic: 'projects/project/topics/dead-letters',
        maxDeliveryAttempts: letters['max_delivery_attempts'],
      },
    }),
  };
}

const resource = (address: string) => {
  const found = taskgraph.resources.get(address);
  if (!found) throw new Error(`There is no ${address}.`);
  return found;
};

describe("Pub/Sub in Terraform, against the code's topology", () => {
  it('has its topics', async () => {
    const { topics } = await topologyOfTheCode();
    const inTerraform = [
      ...membersOf(taskgraph.locals.get('topics')),
      resource('google_pubsub_topic.dead_letters')['name'],
    ];
    expect(inTerraform.sort()).toEqual(topics.sort());
  });

  it('has its subscriptions, with their settings', async () => {
    const { subscriptions } = await topologyOfTheCode();
    const groups = taskgraph.locals.get('subscriptions') as Record<string, { topic: string; group: string }>;
    const letters = resource('google_pubsub_subscription.dead_letters');
    const inTerraform = new Map([
      ...Object.entries(groups).map(
        ([name, { topic }]) =>
          [name, { topic, settings: settingsOf(resource('google_pubsub_subscription.groups')) }] as const,
      ),
      [String(letters['name']), { topic: 'dead-letters', settings: settingsOf(letters) }] as const,
    ]);
    expect(inTerraform).toEqual(subscriptions);
  });

  it('gives each group the subscriptions that bear its name', () => {
    const groups = taskgraph.locals.get('subscriptions') as Record<string, { topic: string; group: string }>;
    for (const [name, { topic, group }] of Object.entries(groups)) expect(name).toBe(`${topic}.${group}`);
  });
});

describe('what Kubernetes expects of Terraform', () => {
  it('is an account for each process', () => {
    expect(membersOf(taskgraph.locals.get('processes')).sort()).toEqual(PROCESSES.map(({ name }) => name).sort());
    expect(resource('google_service_account.process')['account_id']).toBe('taskgraph-${each.key}');
  });

  it('is a secret for each name that it asks for', () => {
    const asked = [
      ...readText('k8s/components/external-secrets/external-secrets.yaml').matchAll(/key: taskgraph-(\S+)/g),
    ];
    const databases = membersOf(taskgraph.locals.get('databases')).map((name) => `${name}-database-url`);
    const given = [...databases, ...membersOf(resource('random_password.secret')['for_each']), 'redis-url'];
    expect(given.sort()).toEqual(asked.map(([, name = '']) => name).sort());
  });

  it('is an address by the name of the ingress', () => {
    const name = resource('google_compute_global_address.ingress')['name'];
    expect(readText('k8s/components/ingress-gke/ingress.yaml')).toContain(`global-static-ip-name: ${String(name)}\n`);
  });
});

describe('databases in Terraform', () => {
  const [settings] = resource('google_sql_database_instance.this')['settings'] as Array<Record<string, unknown>>;

  it('have private addresses only, and can go back to any second', () => {
    expect(settings).toMatchObject({
      ip_configuration: [{ ipv4_enabled: false, ssl_mode: 'ENCRYPTED_ONLY' }],
      backup_configuration: [{ enabled: true, point_in_time_recovery_enabled: true }],
    });
  });
});

describe('who may deploy', () => {
  const workflow = readText('.github/workflows/deploy.yml');

  it('is one environment of one repository, by a token that GitHub has signed, and without a key', () => {
    expect(resource('google_iam_workload_identity_pool_provider.github')).toMatchObject({
      attribute_mapping: { 'google.subject': 'assertion.sub' },
      attribute_condition: "assertion.repository == '${each.value.repository}'",
      oidc: [{ issuer_uri: 'https://token.actions.githubusercontent.com' }],
    });
    expect(resource('google_service_account_iam_member.deploy')).toMatchObject({
      role: 'roles/iam.workloadIdentityUser',
      member: expect.stringMatching(
        /^principal:\/\/iam\.googleapis\.com\/.*\/subject\/repo:\$\{each\.value\.repository\}:environment:\$\{each\.value\.environment\}$/,
      ),
    });
    expect(taskgraph.text).not.toContain('google_service_account_key');
    expect(workflow).toMatch(/\n {4}environment: \$\{\{ inputs\.environment \}\}\n/);
  });

  it('changes what is in the cluster, and brings images; neither the cluster nor who may what', () => {
    const roles = [...taskgraph.resources].flatMap(([, block]) =>
      /^\$\{google_service_account\.deploy\[/.test(String(block['member'])) ? [block['role']] : [],
    );
    expect(roles.sort()).toEqual(['roles/artifactregistry.writer', 'roles/container.developer']);
    const kinds = new Set(
      readdirSync(path.join(ROOT, 'k8s'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.yaml'))
        .flatMap((file) => [...readText(`k8s/${file}`).matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind)),
    );
    expect(kinds).toContain('Deployment');
    for (const kind of ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding']) expect(kinds).not.toContain(kind);
  });

  it('reaches the control plane by its name, which is open to nobody where nobody deploys', () => {
    expect(resource('google_container_cluster.this')['control_plane_endpoints_config']).toEqual([
      { dns_endpoint_config: [{ allow_external_traffic: '${var.github != null}' }] },
    ]);
    expect(workflow).toContain('use_dns_based_endpoint: true');
  });

  it('is told each variable that the workflow takes, but for where its files are', () => {
    const taken = new Set([...workflow.matchAll(/\bvars\.([A-Z_]+)/g)].map(([, name = '']) => name));
    const told = [...String(taskgraph.outputs.get('deployment')?.['value']).matchAll(/^ *([A-Z_]+) += /gm)];
    expect([...told.map(([, name = '']) => name), 'OVERLAY'].sort()).toEqual([...taken].sort());
  });
});

describe('what else Terraform makes', () => {
  it('is a cluster whose nodes have private addresses, and whose pods are accounts of Google Cloud', () => {
    expect(resource('google_container_cluster.this')).toMatchObject({
      datapath_provider: 'ADVANCED_DATAPATH',
      private_cluster_config: [{ enable_private_nodes: true }],
      workload_identity_config: [{ workload_pool: '${var.project}.svc.id.goog' }],
    });
    expect(resource('google_container_node_pool.this')).toMatchObject({
      node_config: [{ workload_metadata_config: [{ mode: 'GKE_METADATA' }] }],
    });
  });

  it('is a Redis that is reached from inside with a password, and drops what was not used for long', () => {
    expect(resource('google_redis_instance.this')).toMatchObject({
      connect_mode: 'PRIVATE_SERVICE_ACCESS',
      auth_enabled: true,
      redis_configs: { 'maxmemory-policy': 'allkeys-lru' },
    });
  });

  it.each(['media', 'backups'])('is a bucket of %s that is nobody else’s, and keeps no unfinished upload', (name) => {
    const bucket = resource(`google_storage_bucket.${name}`);
    expect(bucket).toMatchObject({ uniform_bucket_level_access: true, public_access_prevention: 'enforced' });
    expect(bucket['lifecycle_rule']).toContainEqual({
      condition: [{ age: 1 }],
      action: [{ type: 'AbortIncompleteMultipartUpload' }],
    });
  });

  it('is a registry in which an image’s version is never another image', () => {
    expect(resource('google_artifact_registry_repository.this')).toMatchObject({
      format: 'DOCKER',
      docker_config: [{ immutable_tags: true }],
    });
  });
});

describe.each([[MODULE, taskgraph] as const, ...[...environments].map(([name, one]) => [name, one] as const)])(
  '%s',
  (_name, module) => {
    it('describes what it takes and what it gives', () => {
      for (const [, block] of [...module.variables, ...module.outputs])
        expect(block['description']).toEqual(expect.any(String));
    });

    it('uses every variable, and no other', () => {
      const used = new Set([...module.text.matchAll(/\bvar\.(\w+)/g)].map(([, variable]) => variable));
      expect([...used].sort()).toEqual([...module.variables.keys()].sort());
    });

    it('refers to nothing that is not there', () => {
      const text = module.text.replace(/#.*$/gm, '');
      const references = [...text.matchAll(/\b((?:data\.)?(?:google|random)_\w+\.\w+)(?=[.[\],)\s])/g)];
      const missing = references.map(([, address = '']) => address).filter((address) => !module.resources.has(address));
      expect(missing).toEqual([]);
      const locals = [...text.matchAll(/\blocal\.(\w+)/g)].map(([, local = '']) => local);
      expect(locals.filter((local) => !module.locals.has(local))).toEqual([]);
    });
  },
);

describe.each([...environments])('the environment %s', (name, environment) => {
  const call = environment.modules.get('taskgraph') as Readonly<Record<string, unknown>>;

  it('gives the module what it takes', () => {
    const { source, ...given } = call;
    expect(source).toBe('../../modules/taskgraph');
    const required = [...taskgraph.variables]
      .filter(([, block]) => !('default' in block))
      .map(([variable]) => variable);
    expect(Object.keys(given).sort()).toEqual(expect.arrayContaining(required.sort()));
    expect(Object.keys(given).filter((variable) => !taskgraph.variables.has(variable))).toEqual([]);
  });

  it('has a state of its own', () => {
    expect(environment.text).toContain(`prefix = "taskgraph/${name}"`);
  });

  it('runs where the overlay of Kubernetes runs', () => {
    expect(readText('k8s/overlays/gke/kustomization.yaml')).toContain(`\nnamespace: ${String(call['namespace'])}\n`);
  });
});

describe('production', () => {
  it('can lose a zone, and refuses to be destroyed', () => {
    expect(environments.get('production')?.modules.get('taskgraph')).toMatchObject({
      deletion_protection: true,
      database_highly_available: true,
      redis_highly_available: true,
    });
    expect(environments.get('production')?.text).toMatch(/zones += \["\$\{var\.region\}-b", .*, .*\]/);
  });
});
