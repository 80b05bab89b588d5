import type { ApolloServerPlugin } from '@apollo/server';
import { isErrorCode } from '@taskgraph/contracts';
import { GraphQLError, OperationTypeNode } from 'graphql';
import type { GatewayContext } from '../context.js';
import { findUploads } from '../execution/multipart-body.js';
import { toClientError } from '../execution/client-errors.js';
import type { GatewayTelemetry } from '../telemetry.js';

/** Formats errors where the request is at hand, tells of every operation once, and keeps uploads to mutations. */
export function answerPlugin(telemetry: GatewayTelemetry): ApolloServerPlugin<GatewayContext> {
  return {
    async requestDidStart() {
      const startedAt = performance.now();
      return {
        async didResolveOperation({ operation, request }) {
          if (operation?.operation === OperationTypeNode.MUTATION || findUploads(request.variables).length === 0)
            return;
          throw new GraphQLError('Files are uploaded by mutations only.', {
            extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
          });
        },
        async willSendResponse({ response, errors, contextValue, operation, operationName }) {
          let errorCodes: string[] = [];
          if (response.body.kind === 'single') {
            const result = response.body.singleResult;
            if (result.errors) {
              result.errors = result.errors.map((formatted, index) =>
                toClientError(formatted, errors?.[index] ?? formatted, contextValue),
              );
              errorCodes = result.errors.map(({ extensions }) =>
                isErrorCode(extensions?.['code']) ? extensions['code'] : 'OTHER',
              );
            }
            // The stock executor's notes to itself on fields that it made null.
            if (result.extensions && 'valueCompletion' in result.extensions)
              delete result.extensions['valueCompletion'];
            if (result.extensions && Object.keys(result.extensions).length === 0) delete result.extensions;
          }
          telemetry.operationFinished(contextValue.log, {
            name: operationName ?? null,
            type: operation?.operation ?? 'unknown',
            durationMs: performance.now() - startedAt,
            errorCodes,
          });
        },
      };
    },
  };
}
