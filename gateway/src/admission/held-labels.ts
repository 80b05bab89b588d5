import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { LabelFacts, OverrideLabels } from '@taskgraph/federation-engine/internal/request/context.js';

interface OverrideLabelsOptions {
  /** Hold for every request. */
  readonly labels: readonly string[];
  /** Names labels that hold for one request, beside those of its header. */
  readonly labelsOf?: ((facts: LabelFacts) => Iterable<string>) | undefined;
}

/** Composition allows no other numbers: 0 to 100, eight decimals. */
const PERCENT = /^percent\((\d{1,3}(?:\.\d{1,8})?)\)$/;

/**
 * Creates the stage that decides about progressive overrides (Federation 2.7, "Incremental migration with progressive
 * @override").
 *
 * - `percent(n)` holds for n of a hundred viewers, and for one viewer always or never: a larger n keeps those that a smaller one
 *   has. A viewer with a token that this gateway cannot read is known by that token; without any, each request is one of its own.
 * - Any label holds that the settings, the request's header or the deployment names, `percent(n)` too.
 */
export function createOverrideLabels({ labels, labelsOf }: OverrideLabelsOptions): OverrideLabels {
  const always = new Set(labels);
  return (facts) => {
    // Most operations have no label to ask for.
    let named: ReadonlySet<string> | undefined;
    let place: number | undefined;
    return (label) => {
      named ??= new Set([...always, ...parseLabels(facts.overrideLabels), ...(labelsOf?.(facts) ?? [])]);
      if (named.has(label)) return true;
      const percent = PERCENT.exec(label)?.[1];
      return percent !== undefined && (place ??= placeOf(facts)) < Number(percent);
    };
  };
}

/** What a header says, where one is set that may say it. */
export function readLabels(headers: IncomingHttpHeaders, name: string | undefined): string | undefined {
  return name === undefined ? undefined : headers[name]?.toString();
}

/** A comma list. */
function parseLabels(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').flatMap((label) => label.trim() || []);
}

/** Where a viewer stands among a hundred. */
function placeOf({ identity, authorization }: LabelFacts): number {
  const viewer = identity.kind === 'accepted' ? identity.viewer.userId : authorization;
  if (viewer === undefined) return Math.random() * 100;
  return (createHash('sha256').update(viewer).digest().readUInt32BE(0) / 2 ** 32) * 100;
}
