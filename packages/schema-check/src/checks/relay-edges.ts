import { getNamedType, getNullableType, isListType, isObjectType, type GraphQLSchema } from 'graphql';
import type { Finding } from '../finding.js';
import type { FindPlace } from '../graph/place.js';

/** Tells of edges that are none by the GraphQL Cursor Connections Specification, section 3. */
export function findWrongEdges(api: GraphQLSchema, findPlace: FindPlace): Finding[] {
  const findings: Finding[] = [];
  for (const connection of Object.values(api.getTypeMap())) {
    if (!isObjectType(connection) || !connection.name.endsWith('Connection')) continue;
    const edges = connection.getFields()['edges'];
    if (!edges) continue;
    const edge = getNamedType(edges.type);
    const tell = (coordinate: string, message: string) => {
      const place = findPlace(coordinate);
      findings.push({
        check: 'lint',
        code: 'RELAY_EDGE_TYPES',
        severity: 'error',
        message,
        coordinate,
        ...(place && { place }),
      });
    };
    if (!isObjectType(edge) || !edge.name.endsWith('Edge')) {
      tell(`${connection.name}.edges`, `${edge.name} is no edge: it is an object whose name ends with Edge.`);
      continue;
    }
    const { node, cursor } = edge.getFields();
    if (!node || isListType(getNullableType(node.type)))
      tell(edge.name, `${edge.name} has a field node, which is no list.`);
    if (!cursor || isListType(getNullableType(cursor.type)))
      tell(edge.name, `${edge.name} has a field cursor, which is no list.`);
  }
  return findings;
}
