import { Kind, parse } from 'graphql';
import type { FetchNode, PlanNode, QueryPlan } from './query-plan.js';

/** A box stands for one fetch, or for a question that decides what is fetched. */
export interface PlanBox {
  readonly id: number;
  /** Null for what is no fetch. */
  readonly subgraph: string | null;
  /** The name of the subgraph, and what it is asked for. */
  readonly lines: readonly string[];
  /** What is sent; empty where nothing is. */
  readonly operation: string;
  readonly x: number;
  readonly y: number;
}

export interface PlanArrow {
  readonly from: PlanBox;
  readonly to: PlanBox;
  /** Whether the answer does not wait for it. */
  readonly isLater: boolean;
}

export interface PlanDrawing {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlanBox[];
  readonly arrows: readonly PlanArrow[];
  /** The same in words. */
  readonly summary: string;
}

export const BOX = { width: 190, height: 64 } as const;
const GAP = { x: 24, y: 44 } as const;
const MAX_CHARACTERS = 28;

interface Block {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlanBox[];
  readonly arrows: readonly PlanArrow[];
  /** Where arrows come in, and where they leave. */
  readonly entries: readonly PlanBox[];
  readonly exits: readonly PlanBox[];
}

const NOTHING: Block = { width: 0, height: 0, boxes: [], arrows: [], entries: [], exits: [] };

/** Lays out a plan: what waits for something stands below it, and what goes on at the same time beside it. */
export function drawPlan(plan: QueryPlan): PlanDrawing {
  let nextId = 0;

  function boxOf(subgraph: string | null, lines: readonly string[], operation = ''): Block {
    const box: PlanBox = { id: nextId++, subgraph, lines, operation, x: 0, y: 0 };
    return { ...BOX, boxes: [box], arrows: [], entries: [box], exits: [box] };
  }

  function blockOf(node: PlanNode | null | undefined, path = ''): Block {
    if (!node) return NOTHING;
    switch (node.kind) {
      case 'Fetch':
        return boxOf(
          node.serviceName,
          [node.serviceName, askedFor(node), ...(path === '' ? [] : [`at ${path}`])],
          node.operation,
        );
      case 'Flatten':
        return blockOf(node.node, node.path.join('.'));
      case 'Sequence':
        return node.nodes.map((child) => blockOf(child, path)).reduce((above, below) => under(above, below), NOTHING);
      case 'Parallel':
        return beside(node.nodes.map((child) => blockOf(child, path)));
      case 'Subscription':
        return under(blockOf(node.primary, path), blockOf(node.rest, path));
      case 'Defer': {
        const later = node.deferred.map(({ node: deferred }) => blockOf(deferred, path));
        return under(blockOf(node.primary.node, path), beside(later), true);
      }
      case 'Condition': {
        const branches = beside([blockOf(node.ifClause, path), blockOf(node.elseClause, path)]);
        return under(boxOf(null, [`if $${node.condition}`]), branches);
      }
    }
  }

  const { width, height, boxes, arrows } = blockOf(plan.node);
  return { width, height, boxes, arrows, summary: summarize(boxes) };
}

function under(above: Block, below: Block, isLater = false): Block {
  if (above.boxes.length === 0) return below;
  if (below.boxes.length === 0) return above;
  const width = Math.max(above.width, below.width);
  const top = moved(above, (width - above.width) / 2, 0);
  const bottom = moved(below, (width - below.width) / 2, above.height + GAP.y);
  const between = top.exits.flatMap((from) => bottom.entries.map((to) => ({ from, to, isLater })));
  return {
    width,
    height: above.height + GAP.y + below.height,
    boxes: [...top.boxes, ...bottom.boxes],
    arrows: [...top.arrows, ...between, ...bottom.arrows],
    entries: top.entries,
    exits: bottom.exits,
  };
}

function beside(blocks: readonly Block[]): Block {
  let x = 0;
  const placed = blocks
    .filter(({ boxes }) => boxes.length > 0)
    .map((block) => {
      const at = moved(block, x, 0);
      x += block.width + GAP.x;
      return at;
    });
  if (placed.length === 0) return NOTHING;
  return {
    width: x - GAP.x,
    height: Math.max(...placed.map(({ height }) => height)),
    boxes: placed.flatMap(({ boxes }) => boxes),
    arrows: placed.flatMap(({ arrows }) => arrows),
    entries: placed.flatMap(({ entries }) => entries),
    exits: placed.flatMap(({ exits }) => exits),
  };
}

function moved(block: Block, x: number, y: number): Block {
  if (x === 0 && y === 0) return block;
  const copies = new Map(block.boxes.map((box) => [box.id, { ...box, x: box.x + x, y: box.y + y }]));
  const copyOf = (box: PlanBox) => copies.get(box.id) ?? box;
  return {
    ...block,
    boxes: block.boxes.map(copyOf),
    arrows: block.arrows.map((arrow) => ({ ...arrow, from: copyOf(arrow.from), to: copyOf(arrow.to) })),
    entries: block.entries.map(copyOf),
    exits: block.exits.map(copyOf),
  };
}

/** Entities by their types, or root fields. */
function askedFor({ requires, operation }: FetchNode): string {
  const types = [...new Set((requires ?? []).flatMap(({ typeCondition }) => typeCondition ?? []))];
  return types.length > 0 ? `entities: ${types.join(', ')}` : rootFieldsOf(operation).join(', ');
}

function rootFieldsOf(operation: string): string[] {
  try {
    return parse(operation).definitions.flatMap((definition) =>
      definition.kind === Kind.OPERATION_DEFINITION
        ? definition.selectionSet.selections.flatMap((one) => (one.kind === Kind.FIELD ? one.name.value : []))
        : [],
    );
  } catch {
    return [];
  }
}

/** A line as far as a box has room for it. */
export function fitLine(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS - 1)}…`;
}

function summarize(boxes: readonly PlanBox[]): string {
  const subgraphs = boxes.flatMap(({ subgraph }) => subgraph ?? []);
  if (subgraphs.length === 0) return 'Nothing is fetched.';
  return `${subgraphs.length} ${subgraphs.length === 1 ? 'fetch' : 'fetches'}: ${subgraphs.join(', ')}`;
}
