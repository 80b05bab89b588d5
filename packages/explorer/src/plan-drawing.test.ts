import { describe, expect, it } from '@jest/globals';
import { BOX, drawPlan, fitLine, type PlanDrawing } from './plan-drawing.js';
import { isQueryPlan, type FetchNode, type PlanNode } from './query-plan.js';

const fetchOf = (serviceName: string, operation = '{task{id}}', more: Partial<FetchNode> = {}): FetchNode => ({
  kind: 'Fetch',
  serviceName,
  operation,
  ...more,
});
const entities = (serviceName: string, path: string, type: string): PlanNode => ({
  kind: 'Flatten',
  path: path.split('.'),
  node: fetchOf(serviceName, '{_entities{id}}', { requires: [{ typeCondition: type }, { typeCondition: type }] }),
});
const draw = (node: PlanNode | null) => drawPlan({ kind: 'QueryPlan', node });
const arrowsOf = ({ arrows }: PlanDrawing) =>
  arrows.map(({ from, to, isLater }) => `${from.lines[0]} ${isLater ? '··>' : '->'} ${to.lines[0]}`);

describe('the drawing of a plan', () => {
  it('has what waits below, and what goes on at the same time beside', () => {
    const drawing = draw({
      kind: 'Sequence',
      nodes: [
        fetchOf('task'),
        { kind: 'Parallel', nodes: [entities('media', 'task.media', 'Media'), entities('auth', 'task.owner', 'User')] },
      ],
    });
    expect(arrowsOf(drawing)).toEqual(['task -> media', 'task -> auth']);
    const [task, media, auth] = drawing.boxes;
    expect(media?.y).toBeGreaterThan((task?.y ?? 0) + BOX.height);
    expect(media?.y).toBe(auth?.y);
    expect(auth?.x).toBeGreaterThanOrEqual((media?.x ?? 0) + BOX.width);
    expect(drawing.summary).toBe('3 fetches: task, media, auth');
  });

  it('says what a fetch asks for: root fields, or entities and where they are', () => {
    expect(draw(fetchOf('task', 'query A($id:ID!){task(id:$id){id}}')).boxes[0]?.lines).toEqual(['task', 'task']);
    expect(draw(entities('media', 'task.media', 'Media')).boxes[0]?.lines).toEqual([
      'media',
      'entities: Media',
      'at task.media',
    ]);
  });

  it('keeps boxes within the picture, and apart', () => {
    const wide: PlanNode = { kind: 'Parallel', nodes: ['a', 'b', 'c', 'd'].map((name) => fetchOf(name)) };
    const { boxes, width, height } = draw({ kind: 'Sequence', nodes: [wide, fetchOf('e'), wide] });
    expect(boxes).toHaveLength(9);
    for (const { x, y } of boxes) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + BOX.width).toBeLessThanOrEqual(width);
      expect(y + BOX.height).toBeLessThanOrEqual(height);
    }
    expect(new Set(boxes.map(({ x, y }) => `${x} ${y}`)).size).toBe(9);
  });

  it('tells what comes later, what depends on a variable, and what a subscription fetches for each event', () => {
    const deferred = draw({
      kind: 'Defer',
      primary: { node: fetchOf('task') },
      deferred: [{ node: entities('media', 'task', 'Task') }],
    });
    expect(arrowsOf(deferred)).toEqual(['task ··> media']);
    const conditional = draw({ kind: 'Condition', condition: 'wide', ifClause: fetchOf('task'), elseClause: null });
    expect(arrowsOf(conditional)).toEqual(['if $wide -> task']);
    expect(
      arrowsOf(draw({ kind: 'Subscription', primary: fetchOf('task'), rest: entities('auth', 'a', 'User') })),
    ).toEqual(['task -> auth']);
  });

  it('is empty for a plan that fetches nothing, and shows a fetch that it cannot read', () => {
    expect(draw(null)).toMatchObject({ boxes: [], arrows: [], summary: 'Nothing is fetched.' });
    expect(draw(fetchOf('task', 'not GraphQL')).boxes).toMatchObject([{ lines: ['task', ''] }]);
  });

  it('cuts lines off that are longer than a box', () => {
    expect(fitLine('at task.owner')).toBe('at task.owner');
    expect(fitLine('at task.media.edges.@.attachedBy')).toBe('at task.media.edges.@.attac…');
  });

  it('is made of plans only', () => {
    expect([null, 'QueryPlan', {}, { kind: 'Fetch' }].map(isQueryPlan)).toEqual([false, false, false, false]);
    expect(isQueryPlan({ kind: 'QueryPlan' })).toBe(true);
  });
});
