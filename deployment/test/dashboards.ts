import { readdirSync } from 'node:fs';
import path from 'node:path';
import { readText, ROOT } from './repository.js';

const FOLDER = 'observability/grafana/dashboards';

interface Panel {
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly targets?: ReadonlyArray<{ readonly expr: string }>;
}

/** One query of a panel. */
export interface PanelQuery {
  readonly dashboard: string;
  readonly panel: string;
  readonly description: string;
  /** The uid of its datasource. */
  readonly source: string;
  /** As it stands there, with Grafana's variables. */
  readonly expression: string;
}

/** Every query of every dashboard. */
export function queriesOf(): PanelQuery[] {
  return readdirSync(path.join(ROOT, FOLDER)).flatMap((file) => {
    const { title, panels } = JSON.parse(readText(`${FOLDER}/${file}`)) as { title: string; panels: Panel[] };
    return panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ expr }) => ({
        dashboard: title,
        panel: panel.title,
        description: panel.description ?? '',
        source: panel.datasource?.uid ?? '',
        expression: expr,
      })),
    );
  });
}
