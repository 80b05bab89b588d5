// The least that a Node process can do for the operations on the real subgraphs: the same calls, written by hand. No GraphQL in it, no token is
// verified, nothing is checked, counted or logged, and names of users are kept for ever.
import { createServer } from 'node:http';
import { Pool } from 'undici';

const pools = Object.fromEntries(
  ['auth', 'task', 'media'].map((name) => [
    name,
    new Pool(process.env[`${name.toUpperCase()}_URL`], { connections: 64 }),
  ]),
);
const ENTITIES = 'query($representations:[_Any!]!){_entities(representations:$representations){';
const USERS = `${ENTITIES}...on User{displayName}}}`;
const OPERATIONS = {
  TaskWithMedia: {
    head: 'query($id:ID!$first:Int=20){task(id:$id){id title description status priority dueAt labels version createdAt updatedAt owner{__typename id}media(first:$first){totalCount edges{attachedAt attachedBy{__typename id}node{__typename id}}pageInfo{hasNextPage endCursor}}}}',
    media: `${ENTITIES}...on Media{filename mimeType byteSize width height status altText placeholder url thumbnail(size:SMALL){url width height mimeType}uploadedBy{__typename id}}}}`,
    tasksOf: ({ task }) => [task],
    usersOf: (task) => [task.owner, ...task.media.edges.map(({ attachedBy }) => attachedBy)],
  },
  Board: {
    head: 'query($first:Int=50){tasks(first:$first,orderBy:{field:UPDATED_AT,direction:DESC}){edges{node{id title status priority owner{__typename id}assignee{__typename id}media(first:3){totalCount edges{node{__typename id}}}}}pageInfo{hasNextPage endCursor}}}',
    media: `${ENTITIES}...on Media{mimeType placeholder thumbnail(size:SMALL){url width height}uploadedBy{__typename id}}}}`,
    tasksOf: ({ tasks }) => tasks.edges.map(({ node }) => node),
    usersOf: ({ owner, assignee }) => (assignee ? [owner, assignee] : [owner]),
  },
};

async function post(service, authorization, body) {
  const { body: answer } = await pools[service].request({
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify(body),
  });
  return JSON.parse(await answer.text()).data;
}

const names = new Map();
async function nameUsers(users, authorization) {
  const unknown = [...new Set(users.map(({ id }) => id))].filter((id) => !names.has(id));
  if (unknown.length > 0) {
    const representations = unknown.map((id) => ({ __typename: 'User', id }));
    const { _entities } = await post('auth', authorization, { query: USERS, variables: { representations } });
    for (const [index, id] of unknown.entries()) names.set(id, _entities[index].displayName);
  }
  for (const user of users) {
    user.displayName = names.get(user.id);
    delete user.__typename;
  }
}

async function run({ query, variables }, authorization) {
  const { head, media, tasksOf, usersOf } = OPERATIONS[query.startsWith('query Board') ? 'Board' : 'TaskWithMedia'];
  const data = await post('task', authorization, { query: head, variables });
  const tasks = tasksOf(data);
  const items = tasks.flatMap((task) => task.media.edges.map(({ node }) => node));
  const [{ _entities }] = await Promise.all([
    post('media', authorization, { query: media, variables: { representations: items } }),
    nameUsers(tasks.flatMap(usersOf), authorization),
  ]);
  for (const [index, item] of items.entries()) {
    delete item.__typename;
    Object.assign(item, _entities[index]);
  }
  await nameUsers(
    items.map(({ uploadedBy }) => uploadedBy),
    authorization,
  );
  return data;
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const data = body.query.startsWith('query') ? await run(body, request.headers.authorization) : {};
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
process.on('disconnect', () => process.exit(0));
