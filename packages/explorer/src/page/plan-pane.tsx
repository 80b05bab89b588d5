import type { GraphiQLPlugin } from '@graphiql/react';
import { create } from 'zustand';
import { BOX, drawPlan, fitLine, type PlanArrow, type PlanBox } from '../plan-drawing.js';
import type { QueryPlan } from '../query-plan.js';

/** The plan of what was run last. */
export const usePlan = create<{ readonly plan: QueryPlan | null; readonly asked: string | null }>(() => ({
  plan: null,
  asked: null,
}));

/** Far enough apart, also for a reader who sees few colours; one who sees none reads the names. */
const HUES = [265, 160, 30, 205, 330, 90] as const;
const MARGIN = 12;
const LINE = 17;

function PlanPane() {
  const { plan, asked } = usePlan();
  return (
    <section className="pane" aria-label="Query plan">
      <h2>Query plan</h2>
      {asked === null && <p>Run an operation to see how it is fetched.</p>}
      {asked !== null && !plan && (
        <p>The gateway shows no plan of {asked}: it does so to administrators, for queries and mutations.</p>
      )}
      {plan && <PlanPicture plan={plan} />}
    </section>
  );
}

function PlanPicture({ plan }: { readonly plan: QueryPlan }) {
  const { width, height, boxes, arrows, summary } = drawPlan(plan);
  const subgraphs = [...new Set(boxes.flatMap(({ subgraph }) => subgraph ?? []))].sort();
  const hueOf = ({ subgraph }: PlanBox) => HUES[subgraphs.indexOf(subgraph ?? '') % HUES.length] ?? HUES[0];
  return (
    <>
      <p>{summary}</p>
      <div className="plan-scroll" tabIndex={0} role="group" aria-label="Picture of the query plan">
        <svg
          className="plan"
          role="img"
          aria-label={`Query plan, ${summary}`}
          viewBox={`${-MARGIN} ${-MARGIN} ${width + 2 * MARGIN} ${height + 2 * MARGIN}`}
          width={width + 2 * MARGIN}
        >
          <defs>
            <marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
              <path d="M0 0 8 4 0 8z" />
            </marker>
          </defs>
          {arrows.map((arrow) => (
            <path
              key={`${arrow.from.id}-${arrow.to.id}`}
              className={arrow.isLater ? 'later' : ''}
              d={lineOf(arrow)}
              markerEnd="url(#arrow)"
            />
          ))}
          {boxes.map((box) => (
            <g key={box.id} transform={`translate(${box.x} ${box.y})`} data-subgraph={box.subgraph ?? ''}>
              <title>{box.operation}</title>
              <rect {...BOX} rx="8" style={{ '--hue': hueOf(box) } as React.CSSProperties} />
              {box.lines.map((line, index) => (
                <text key={line} x="12" y={20 + index * LINE} className={index === 0 ? 'name' : ''}>
                  {fitLine(line)}
                </text>
              ))}
            </g>
          ))}
        </svg>
      </div>
      {boxes
        .filter(({ operation }) => operation !== '')
        .map(({ id, lines, operation }) => (
          <details key={id}>
            <summary>{lines.join(' · ')}</summary>
            <pre>{operation}</pre>
          </details>
        ))}
    </>
  );
}

function lineOf({ from, to }: PlanArrow): string {
  const [x1, y1] = [from.x + BOX.width / 2, from.y + BOX.height];
  const [x2, y2] = [to.x + BOX.width / 2, to.y];
  const middle = (y1 + y2) / 2;
  return `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`;
}

function PlanIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M8 3h8v5H8zM3 16h7v5H3zM14 16h7v5h-7zM12 8v4M6.5 16v-4h11v4" />
    </svg>
  );
}

export const PLAN_PANE: GraphiQLPlugin = { title: 'Query plan', icon: PlanIcon, content: PlanPane };
