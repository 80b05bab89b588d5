import type { ApolloServerPlugin, GraphQLRequestContextDidResolveOperation } from '@apollo/server';
import { ERROR_CODES } from '@taskgraph/contracts';
import { forbidden, missingViewer, type AppError } from '@taskgraph/service-kit';
import { GraphQLError, type DocumentNode, type OperationDefinitionNode } from 'graphql';
import type { GatewayContext } from '../context.js';
import type { SecurityRequirements } from '../supergraph/security-requirements.js';
import { findSecuredSelections, type SecuredSelection } from './security-check.js';

/** What was found in an operation, and by which requirements: a reload brings new ones. */
interface Found {
  readonly for: SecurityRequirements;
  readonly selections: SecuredSelection[];
}

/**
 * Refuses operations that select what their viewer may not, before anything is fetched. Subgraphs check again; this saves
 * them the work and answers alike for subgraphs that do not.
 */
export function securityPlugin(requirements: () => SecurityRequirements): ApolloServerPlugin<GatewayContext> {
  // The parsed document is cached by Apollo Server, so what is found in it is found once.
  const known = new WeakMap<DocumentNode, Map<OperationDefinitionNode, Found>>();

  function securedSelections({
    schema,
    document,
    operation,
  }: GraphQLRequestContextDidResolveOperation<GatewayContext>): SecuredSelection[] {
    const current = requirements();
    if (!operation) return [];
    const byOperation = known.get(document) ?? new Map<OperationDefinitionNode, Found>();
    known.set(document, byOperation);
    const cached = byOperation.get(operation);
    if (cached?.for === current) return cached.selections;
    const selections = findSecuredSelections(schema, document, operation, current);
    byOperation.set(operation, { for: current, selections });
    return selections;
  }

  return {
    async requestDidStart() {
      return {
        async didResolveOperation(request) {
          const { contextValue } = request;
          if (contextValue.identity.kind === 'unverified') return;
          for (const selection of securedSelections(request)) {
            if (isLeftOut(selection, request.request.variables)) continue;
            const fault = judge(selection, contextValue);
            if (fault) throw toGraphQLError(fault, selection, contextValue);
          }
        },
      };
    },
  };
}

function isLeftOut({ unless }: SecuredSelection, variables: Record<string, unknown> | undefined): boolean {
  return unless.some(({ variable, is }) => variables?.[variable] === is);
}

function judge({ scopes }: SecuredSelection, { identity }: GatewayContext): AppError | null {
  if (identity.kind !== 'accepted')
    return missingViewer({ tokenProblem: identity.kind === 'refused' ? identity.problem : null });
  const held = identity.viewer.scopes;
  const allowed = scopes.length === 0 || scopes.some((all) => all.every((scope) => held.includes(scope)));
  return allowed ? null : forbidden('Your role does not allow this.', 'SCOPE_MISSING');
}

function toGraphQLError(fault: AppError, { path }: SecuredSelection, { readsStatus }: GatewayContext): GraphQLError {
  // Clients of the older media type take any status but 200 for a failure of the transport.
  const http = { status: readsStatus ? ERROR_CODES[fault.code].httpStatus : 200 };
  return new GraphQLError(fault.message, {
    path: [...path],
    extensions: { ...fault.details, code: fault.code, reason: fault.reason, http },
  });
}
