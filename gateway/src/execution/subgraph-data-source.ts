import type { GraphQLDataSource, GraphQLDataSourceProcessOptions } from '@apollo/gateway';
import { REQUEST_ID_HEADER } from '@taskgraph/contracts';
import { AppError, unavailable, type Upstream, type UpstreamRequest } from '@taskgraph/service-kit';
import { Kind, parse } from 'graphql';
import type { GatewayContext } from '../context.js';
import type { GatewayTelemetry } from '../telemetry.js';
import { encodeMultipart, findUploads } from './multipart-body.js';

type DataSourceAnswer = Awaited<ReturnType<GraphQLDataSource['process']>>;
type AnswerErrors = NonNullable<DataSourceAnswer['errors']>;

export interface SubgraphDataSourceOptions {
  readonly upstream: Upstream;
  readonly telemetry: GatewayTelemetry;
  readonly uploadTimeoutMs: number;
  readonly uploadMaxBytes: number;
}

/**
 * Sends the fetches of a plan to one subgraph. It never throws: a fetch that fails is an answer without data and with an
 * error for each thing that it would have brought, so it costs these and nothing else.
 */
export function createSubgraphDataSource({
  upstream,
  telemetry,
  uploadTimeoutMs,
  uploadMaxBytes,
}: SubgraphDataSourceOptions): GraphQLDataSource {
  async function fetchAnswer(
    options: GraphQLDataSourceProcessOptions,
    context: GatewayContext,
  ): Promise<DataSourceAnswer> {
    const { query = '', variables, operationName } = options.request;
    const uploads = findUploads(variables);
    const payload = { query, variables, operationName };
    const headers = {
      [REQUEST_ID_HEADER]: context.requestId,
      ...(context.authorization !== undefined && { authorization: context.authorization }),
    };
    let request: UpstreamRequest;
    if (uploads.length > 0) {
      const { contentType, stream } = encodeMultipart(payload, uploads, uploadMaxBytes);
      request = {
        headers: { ...headers, 'content-type': contentType, 'apollo-require-preflight': 'true' },
        body: stream,
        idempotent: false,
        signal: context.signal,
        timeoutMs: uploadTimeoutMs,
      };
    } else {
      request = {
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(payload),
        idempotent: isQuery(query),
        signal: context.signal,
      };
    }
    const { body, status } = await upstream.send(request);
    if (!isAnswer(body))
      throw unavailable(upstream.name, new Error(`status ${status} without data or errors`), 'BAD_RESPONSE');
    return body;
  }

  return {
    async process(options) {
      const context = options.context as GatewayContext;
      const stop = telemetry.startFetch(upstream.name);
      try {
        const answer = await fetchAnswer(options, context);
        stop(answer.errors && answer.errors.length > 0 ? 'errors' : 'ok');
        // Without data and without a path, an error would say nothing of what it cost.
        return answer.data == null && answer.errors ? { ...answer, errors: spread(answer.errors, options) } : answer;
      } catch (error) {
        const fault = toFault(error, upstream.name);
        stop(context.signal.aborted ? 'aborted' : 'unavailable');
        context.log.warn(
          { subgraph: upstream.name, code: fault.code, reason: fault.reason, err: fault.cause },
          'subgraph fetch failed',
        );
        const extensions = {
          ...fault.details,
          code: fault.code,
          ...(fault.reason !== undefined && { reason: fault.reason }),
        };
        return {
          data: null,
          errors: spread([{ message: fault.message, extensions }], options),
        };
      }
    },
  };
}

function isAnswer(body: unknown): body is DataSourceAnswer {
  return (
    typeof body === 'object' &&
    body !== null &&
    ('data' in body || Array.isArray((body as { errors?: unknown }).errors))
  );
}

function toFault(error: unknown, subgraph: string): AppError {
  if (!(error instanceof AppError)) return unavailable(subgraph, error);
  // The reason that an upload stream gave up is wrapped in the failure of the connection.
  return error.cause instanceof AppError ? error.cause : error;
}

/** The planner writes subgraph operations itself, so the first word tells what they are. */
function isQuery(text: string): boolean {
  return text.startsWith('query') || text.startsWith('{');
}

/** Response names at the root of a subgraph operation. */
function rootFields(text: string): string[] {
  return parse(text, { noLocation: true }).definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION
      ? definition.selectionSet.selections.flatMap((selection) =>
          selection.kind === Kind.FIELD ? [(selection.alias ?? selection.name).value] : [],
        )
      : [],
  );
}

/** Gives an error without a path one for each entity or root field that the fetch was for. */
function spread(errors: AnswerErrors, { request }: GraphQLDataSourceProcessOptions): AnswerErrors {
  const representations = (request.variables as { representations?: unknown } | undefined)?.representations;
  const places: Array<Array<string | number>> = Array.isArray(representations)
    ? representations.map((_representation, index) => ['_entities', index])
    : rootFields(request.query ?? '').map((name) => [name]);
  if (places.length === 0) return errors;
  return errors.flatMap((error) => (error.path ? [error] : places.map((path) => ({ ...error, path }))));
}
