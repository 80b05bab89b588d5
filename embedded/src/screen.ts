import path from 'node:path';
import type { ServiceName } from './config.js';
import type { Paint } from './progress.js';
import { JONAS, MARA } from './seed/demo-people.js';

export interface ScreenFacts {
  readonly urls: Readonly<Record<ServiceName, string>>;
  readonly postgresPort: number;
  readonly dataDir: string;
  readonly tracesUrl: string | null;
  readonly logFile: string;
  readonly seconds: number;
  readonly demo: boolean;
  /** Whether others than this machine can reach it. */
  readonly isOpen: boolean;
  readonly paint: Paint;
}

/** What runs where, and who can log in. */
export function runningScreen({
  urls,
  postgresPort,
  tracesUrl,
  dataDir,
  logFile,
  seconds,
  demo,
  isOpen,
  paint,
}: ScreenFacts): string {
  const rows: Array<readonly [string, string, string]> = [
    ['gateway', `${urls.gateway}/graphql`, 'the graph; Apollo Sandbox in a browser'],
    ['explorer', `${urls.gateway}/explorer`, 'GraphiQL in a browser, without the internet'],
    ['auth', `${urls.auth}/graphql`, 'accounts, sessions'],
    ['task', `${urls.task}/graphql`, 'tasks, attachments'],
    ['media', `${urls.media}/graphql`, 'pictures'],
    ['PostgreSQL', `127.0.0.1:${postgresPort}`, 'databases auth, task, media'],
    ...(tracesUrl === null ? [] : [['traces', tracesUrl, 'each request as a waterfall, in a browser'] as const]),
  ];
  const width = Math.max(...rows.map(([, where]) => where.length));
  return [
    '',
    `${paint('bold', 'Taskgraph runs')}, ${seconds.toFixed(1)} s after it was started.`,
    '',
    ...rows.map(
      ([name, where, what]) =>
        `  ${name.padEnd(11)} ${paint('cyan', where)}${' '.repeat(width - where.length)}   ${what}`,
    ),
    '',
    `  data        ${shorten(dataDir)}`,
    `  logs        ${shorten(logFile)}`,
    '',
    ...(demo
      ? [
          `  demo login  ${MARA.email}   password: ${MARA.password}`,
          `              ${JONAS.email}  password: ${JONAS.password}`,
          ...(isOpen
            ? [
                '              Whoever reaches this machine can log in with these: npm start -- --reset --no-seed removes them.',
              ]
            : []),
        ]
      : [
          `  There are no demo data${isOpen ? ', since others can reach this machine' : ''}: the mutation "register" makes an account.`,
        ]),
    '',
    '  Ctrl-C stops everything; npm start finds the data again; npm start -- --reset starts over.',
  ].join('\n');
}

/** The query that the printed lines send. Short enough to be read, and answered by all three subgraphs. */
function taskWithMediaQuery(taskId: string): string {
  return `query TaskWithMedia {
  task(id: ${JSON.stringify(taskId)}) {
    title status priority dueAt
    owner { displayName }
    assignee { displayName }
    media(first: 5) {
      totalCount
      edges { node { filename width height uploadedBy { displayName } thumbnail(size: SMALL) { url } } }
    }
  }
}`;
}

/** How to ask for the demo task: to paste into a shell, or into Apollo Sandbox. */
export function demoQueryScreen(gatewayUrl: string, taskId: string): string {
  const graphqlUrl = `${gatewayUrl}/graphql`;
  const login = `mutation { login(input: {email: "${MARA.email}", password: "${MARA.password}"}) { ... on AuthPayload { accessToken } } }`;
  const query = taskWithMediaQuery(taskId);
  return [
    '',
    'One query, answered by all three subgraphs. In a shell:',
    '',
    `  TOKEN=$(${curl(graphqlUrl, login)} | sed 's/.*"accessToken":"\\([^"]*\\)".*/\\1/')`,
    `  ${curl(graphqlUrl, query.replace(/\s+/g, ' '), ' -H "authorization: Bearer $TOKEN"')}`,
    '',
    `In a browser: open ${graphqlUrl}, and under Headers set authorization to what  echo "Bearer $TOKEN"  prints.`,
    '',
    ...query.split('\n').map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/** A document holds no single quotes, so the shell takes the body as it is. */
function curl(url: string, query: string, more = ''): string {
  return `curl -s ${url}${more} -H 'content-type: application/json' -d '${JSON.stringify({ query })}'`;
}

/** Relative to the folder that the person is in, when it lies in there. */
function shorten(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
}
