import { composeServices, type CompositionResult } from '@apollo/composition';
import { Supergraph } from '@apollo/federation-internals';
import { BUILD_OPTIONS } from '@taskgraph/federation-engine/internal/supergraph/planner/describe-graph.js';
import { prepareSupergraph } from '@taskgraph/federation-engine/internal/supergraph/planner/prepared-supergraph.js';
import {
  buildASTSchema,
  GraphQLError,
  isExecutableDefinitionNode,
  parse,
  printSchema,
  type ASTNode,
  type DocumentNode,
  type GraphQLSchema,
} from 'graphql';
import { CheckError } from '../check-error.js';
import type { Finding } from '../finding.js';
import type { SubgraphSource } from '../sources/subgraph-sources.js';
import { placeOf } from './place.js';

/** One version of a graph, as clients and as subgraphs see it. */
export interface Graph {
  /** Null of a schema that is no supergraph. */
  readonly supergraphSdl: string | null;
  readonly api: GraphQLSchema;
  /** By name; what the supergraph says of each. */
  readonly subgraphs: ReadonlyMap<string, GraphQLSchema>;
}

/** From here on composition's hints are worth a reviewer's time: inconsistencies, and fields that are unused. */
const HINT_IS_WARNING = 60;

/** Composes subgraphs. Null where they do not; findings say why, and where, and carry Apollo's hints as well. */
export function composeGraph(sources: readonly SubgraphSource[]): {
  readonly graph: Graph | null;
  readonly findings: Finding[];
} {
  let composed: CompositionResult;
  try {
    composed = composeServices(sources.map(toService));
  } catch (error) {
    return { graph: null, findings: [notComposable(sources, error as Error)] };
  }
  const { errors, hints = [], supergraphSdl } = composed;
  const findings: Finding[] = [
    ...(errors ?? []).map((error) => toFinding(codeOf(error), 'error', error)),
    ...hints.map((hint) => ({
      ...toFinding(
        hint.definition.code,
        Number(hint.definition.level.value) >= HINT_IS_WARNING ? ('warning' as const) : ('notice' as const),
        hint,
      ),
      ...(hint.coordinate !== undefined && { coordinate: hint.coordinate }),
    })),
  ];
  return { graph: supergraphSdl === undefined ? null : readSupergraph(supergraphSdl), findings };
}

function toService({ name, url, document }: SubgraphSource) {
  return { name, url, typeDefs: document };
}

/** Of SDL that composition has not foreseen, such as a `@link` to a number: it ends with an error of its own. */
function notComposable(sources: readonly SubgraphSource[], { message }: Error): Finding {
  const culprit = sources.find((source) => {
    try {
      composeServices([toService(source)]);
      return false;
    } catch {
      return true;
    }
  });
  const place = placeOf(culprit?.document.definitions[0]);
  return {
    check: 'composition',
    code: 'INVALID_GRAPH',
    severity: 'error',
    message: `${culprit ? `[${culprit.name}] ` : ''}This cannot be composed: ${message}`,
    ...(place && { place }),
  };
}

function codeOf({ extensions }: GraphQLError): string {
  return typeof extensions['code'] === 'string' ? extensions['code'] : 'INVALID_GRAPH';
}

function toFinding(
  code: string,
  severity: Finding['severity'],
  { message, nodes }: { readonly message: string; readonly nodes?: readonly ASTNode[] | undefined },
): Finding {
  const places = (nodes ?? []).flatMap((node) => placeOf(node) ?? []);
  const [place, ...others] = places;
  const also = others.map(({ file, line }) => `${file}:${line}`);
  return {
    check: 'composition',
    code,
    severity,
    message: also.length > 0 ? `${message} (also ${[...new Set(also)].join(', ')})` : message,
    ...(place && { place }),
  };
}

/** @throws GraphQLError when the text is no supergraph that can be served */
export function readSupergraph(supergraphSdl: string): Graph {
  // As the engine reads it: what it enforces itself is no unknown feature.
  const supergraph = Supergraph.build(prepareSupergraph(supergraphSdl).sdl, BUILD_OPTIONS);
  const subgraphs = new Map<string, GraphQLSchema>();
  for (const subgraph of supergraph.subgraphs()) subgraphs.set(subgraph.name, readSdl(subgraph.toString()));
  return {
    supergraphSdl,
    api: readSdl(printSchema(supergraph.apiSchema().toGraphQLJSSchema())),
    subgraphs,
  };
}

/** Reads a supergraph, or else any schema. @throws CheckError */
export function readGraph(text: string, name: string): Graph {
  try {
    const isSupergraph = /@link\s*\(\s*url:\s*"https:\/\/specs\.apollo\.dev\/join\//.test(text);
    return isSupergraph
      ? readSupergraph(text)
      : { supergraphSdl: null, api: buildASTSchema(parseSchema(text)), subgraphs: new Map() };
  } catch (error) {
    if (!(error instanceof GraphQLError) && !(error instanceof Error)) throw error;
    throw new CheckError(`${name} is no schema that can be compared: ${error.message}`);
  }
}

/** Operations would be read as a schema that has nothing. */
function parseSchema(text: string): DocumentNode {
  const document = parse(text);
  if (document.definitions.some(isExecutableDefinitionNode)) throw new Error('it has operations or fragments');
  return document;
}

/** Directives of federation refer to definitions that the SDL of a subgraph leaves out. */
function readSdl(text: string): GraphQLSchema {
  return buildASTSchema(parse(text), { assumeValidSDL: true });
}
