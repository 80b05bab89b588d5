// One subgraph as a process, out of the build of a checkout: `subgraph-process.mjs FOLDER task|media PUBLIC_KEY`. Says its URL when it listens.
import { createPublicKey } from 'node:crypto';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, name, key] = process.argv.slice(2);
const subgraph = await import(pathToFileURL(path.join(folder, `subgraphs/${name}/dist/subgraph.js`)).href);
const publicKey = createPublicKey({ key: JSON.parse(key), format: 'jwk' });
const title = `${name[0].toUpperCase()}${name.slice(1)}`;
const service = await subgraph[`create${title}Subgraph`](subgraph[`read${title}Config`](process.env), {
  jwks: { getKey: async () => publicKey },
});
process.send((await service.listen()).url);
process.once('disconnect', () => void service.close());
