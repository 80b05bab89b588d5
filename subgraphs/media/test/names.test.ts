import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, expectData, expectErrorCode, smallPng } from '@taskgraph/testkit';
import { startMediaGraph, type MediaGraph } from './media-graph.js';

describe('names and descriptions of files', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it('are given by their uploader', async () => {
    const [ada, eve] = [buildViewer(), buildViewer()];
    const id = await graph.addMedia(ada, await smallPng(), 'before.png');
    graph.attached.add(id);
    const update = 'mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { filename altText } } }';
    const change = async (input: object) =>
      expectData(await graph.run(ada, update, { input: { id, ...input } })).updateMedia.media;
    expect(await change({ altText: ' A lake ' })).toEqual({ filename: 'before.png', altText: 'A lake' });
    expect(await change({ filename: '../after.png' })).toEqual({ filename: 'after.png', altText: 'A lake' });
    expect(await change({ altText: null })).toEqual({ filename: 'after.png', altText: null });
    expect(await change({})).toEqual({ filename: 'after.png', altText: null });
    for (const input of [
      { filename: null },
      { filename: ' ' },
      { altText: 'x'.repeat(501) },
      { altText: 'ok \u202egnp.exe' },
      { altText: '\u2067a' },
    ])
      expectErrorCode(await graph.run(ada, update, { input: { id, ...input } }), 'BAD_USER_INPUT');
    expectErrorCode(await graph.run(eve, update, { input: { id, filename: 'x' } }), 'FORBIDDEN');
    expect(await change({ altText: 'Two\nlines, \u2067one\u2069' })).toMatchObject({
      altText: 'Two\nlines, \u2067one\u2069',
    });
    graph.attached.delete(id);
    expectErrorCode(await graph.run(eve, update, { input: { id, filename: 'x' } }), 'NOT_FOUND');
  });

  it('are not such that the file would not have been taken', async () => {
    const ada = buildViewer();
    const id = await graph.addMedia(ada, Buffer.from('notes'), 'notes.txt');
    const update = 'mutation($i: UpdateMediaInput!) { updateMedia(input: $i) { media { filename } } }';
    for (const filename of ['photo.png', 'notes.svg'])
      expectErrorCode(await graph.run(ada, update, { i: { id, filename } }), 'BAD_USER_INPUT');
    expect(expectData(await graph.run(ada, update, { i: { id, filename: 'b.csv' } })).updateMedia.media).toEqual({
      filename: 'b.csv',
    });
  });
});
