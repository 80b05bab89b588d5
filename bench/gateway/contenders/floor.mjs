// The least that a Node process can do for the two-step query: the same two calls, written by hand. No GraphQL in it.
import { createServer } from 'node:http';
import { Pool } from 'undici';

const pool = new Pool(process.env.SUBGRAPHS_URL, { connections: 64 });
const LIST = JSON.stringify({ query: '{topProducts{__typename upc name price}}' });
const REVIEWS =
  'query($representations:[_Any!]!){_entities(representations:$representations){...on Product{reviews{id body author{id username}}}}}';

async function post(path, body) {
  const { body: answer } = await pool.request({
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  return JSON.parse(await answer.text()).data;
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    JSON.parse(Buffer.concat(chunks).toString());
    const { topProducts } = await post('/products', LIST);
    const representations = topProducts.map(({ __typename, upc }) => ({ __typename, upc }));
    const { _entities } = await post('/reviews', JSON.stringify({ query: REVIEWS, variables: { representations } }));
    const data = {
      topProducts: topProducts.map(({ upc, name, price }, index) => ({
        upc,
        name,
        price,
        reviews: _entities[index].reviews,
      })),
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }));
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
process.on('disconnect', () => process.exit(0));
