import type { GraphQLDataSource, GraphQLDataSourceProcessOptions } from '@apollo/gateway';
import { REQUEST_ID_HEADER } from '@taskgraph/contracts';
import { AppError, unavailable, type Upstream, type UpstreamRequest } from '@taskgraph/service-kit';
import { Kind, OperationTypeNode, type DocumentNode, type OperationDefinitionNode } from 'graphql';
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
export function createSubgraphDataSource({ upstream, telemetry, uploadTimeoutMs, uploadMaxBytes }: SubgraphDataSourceOptions): GraphQLDataSource {
  async function fetchAnswer(options: GraphQLDataSourceProcessOptions, operation: OperationDefinitionNode | undefined, context: GatewayContext): Promise<DataSourceAnswer> {
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
      const idempotent = operation?.operation === OperationTypeNode.QUERY;
      request = { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(payload), idempotent, signal: context.signal };
    }
    const { body, status } = await upstream.send(request);
    if (!isAnswer(body)) throw unavailable(upstream.name, new Error(`status ${status} without data or errors`), 'BAD_RESPONSE');
    return body;
  }

  return {
    async process(options) {
      const context = options.context as GatewayContext;
      const operation = 'document' in options && options.document ? findOperation(options.document) : undefined;
      const stop = telemetry.startFetch(upstream.name);
      try {
        const answer = await fetchAnswer(options, operation, context);
        stop(answer.errors && answer.errors.length > 0 ? 'errors' : 'ok');
        // Without data and without a path, an error would say nothing of what it cost.
        return answer.data == null && answer.errors ? { ...answer, errors: spread(answer.errors, options, operation) } : answer;
      } catch (error) {
        const fault = toFault(error, upstream.name);
        stop(context.signal.aborted ? 'aborted' : 'unavailable');
        context.log.warn({ subgraph: upstream.name, code: fault.code, reason: fault.reason, err: fault.cause }, 'subgraph fetch failed');
        const extensions = { ...fault.details, code: fault.code, ...(fault.reason !== undefined && { reason: fault.reason }) };
        return { data: null, errors: spread([{ message: fault.message, extensions }] as unknown as AnswerErrors, options, operation) };
      }
    },
  };
}

function isAnswer(body: unknown): body is DataSourceAnswer {
  return typeof body === 'object' && body !== null && ('data' in body || Array.isArray((body as { errors?: unknown }).errors));
}

function toFault(error: unknown, subgraph: string): AppError {
  if (!(error instanceof AppError)) return unavailable(subgraph, error);
  // The reason that an upload stream gave up is wrapped in the failure of the connection.
  return error.cause instanceof AppError ? error.cause : error;
}

function findOperation(document: DocumentNode): OperationDefinitionNode | undefined {
  return document.definitions.find((definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION);
}

/** Gives an error without a path one for each entity or root field that the fetch was for. */
function spread(errors: AnswerErrors, { request }: GraphQLDataSourceProcessOptions, operation: OperationDefinitionNode | undefined): AnswerErrors {
  const representations = (request.variables as { representations?: unknown } | undefined)?.representations;
  const places: Array<Array<string | number>> = Array.isArray(representations)
    ? representations.map((_representation, index) => ['_entities', index])
    : (operation?.selectionSet.selections ?? []).flatMap((selection) => (selection.kind === Kind.FIELD ? [[(selection.alias ?? selection.name).value]] : []));
  if (places.length === 0) return errors;
  return errors.flatMap((error) => (error.path ? [error] : places.map((path) => ({ ...error, path })))) as AnswerErrors;
}
