import type { LabelFacts } from '@taskgraph/federation-engine';
import { createRateLimits, type Log, type Metrics } from '@taskgraph/service-kit';
import { toClientLimits, toDemandControl, toDocuments, toPolicies } from './admission-settings.js';
import { createClientLimits } from './admission/client-limits.js';
import { createDemandControl } from './admission/demand-control.js';
import { createDocuments } from './admission/served-documents.js';
import { createOverrideLabels } from './admission/held-labels.js';
import { createPolicies } from './admission/policies.js';
import type { GatewayConfig } from './config.js';
import type { GatewayTelemetry } from './telemetry.js';

interface AdmissionSurroundings {
  readonly telemetry: Pick<GatewayTelemetry, 'unregisteredDocument' | 'tooExpensive'>;
  readonly labelsOf: ((facts: LabelFacts) => Iterable<string>) | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Composes what decides whether an operation is run, and what of it. */
export function composeAdmission(config: GatewayConfig, { telemetry, labelsOf, log, metrics }: AdmissionSurroundings) {
  const onUnregistered = (mode: 'enforce' | 'audit') => telemetry.unregisteredDocument(mode);
  const documents = createDocuments({ ...toDocuments(config), log, onUnregistered });
  const limits = createRateLimits({ redisUrl: config.REDIS_URL, log, metrics });
  return {
    documents,
    demand: createDemandControl(toDemandControl(config), (subgraph) => telemetry.tooExpensive(subgraph)),
    limits: createClientLimits({ ...toClientLimits(config), limits }),
    policies: createPolicies(toPolicies(config)),
    overrideLabels: createOverrideLabels({ labels: config.OVERRIDE_LABELS ?? [], labelsOf }),
    /** In order; each is its own, whatever becomes of the one before. */
    onClose: [async () => documents.close(), () => limits.close()],
  };
}

export type GatewayAdmission = ReturnType<typeof composeAdmission>;
