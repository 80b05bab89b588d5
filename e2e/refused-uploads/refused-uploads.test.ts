import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decompressionBomb, expectData, scriptedSvg, smallPng, textFile, truncatedPng } from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

describe('files that are no good are refused, each for its own reason', () => {
  let story: Story;
  let ada: Person;
  beforeAll(async () => {
    story = await startStory();
    ada = await story.newPerson('Ada');
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  const cases: ReadonlyArray<{
    what: string;
    filename: string;
    content: () => Buffer | Promise<Buffer>;
    problem: Record<string, unknown>;
  }> = [
    {
      what: 'a text file named .jpg',
      filename: 'notes.jpg',
      content: textFile,
      problem: {
        __typename: 'UnsupportedMediaTypeProblem',
        allowed: expect.arrayContaining(['image/jpeg', 'image/png']),
      },
    },
    {
      what: 'a truncated PNG',
      filename: 'half.png',
      content: truncatedPng,
      problem: {
        __typename: 'InvalidImageProblem',
        message: expect.stringMatching(/damaged|incomplete|truncated|corrupt/i),
      },
    },
    {
      what: 'a file of 60 MB',
      filename: 'huge.png',
      content: async () => Buffer.concat([await smallPng(), Buffer.alloc(60_000_000)]),
      problem: { __typename: 'MediaTooLargeProblem', maxBytes: 52_428_800 },
    },
    {
      what: 'an SVG with a script',
      filename: 'drawing.svg',
      content: scriptedSvg,
      problem: { __typename: 'UnsupportedMediaTypeProblem', mimeType: expect.stringMatching(/svg|xml/) },
    },
    {
      what: 'an image of 30,000 × 30,000 pixels',
      filename: 'bomb.png',
      content: decompressionBomb,
      problem: { __typename: 'InvalidImageProblem', message: expect.stringMatching(/pixels/i) },
    },
    {
      what: 'an empty file',
      filename: 'empty.png',
      content: () => Buffer.alloc(0),
      problem: { __typename: expect.stringMatching(/Problem$/) },
    },
  ];

  it.each(cases)('refuses $what and keeps nothing of it', async ({ filename, content, problem }) => {
    const { uploadMedia } = expectData(
      await ada.upload({ filename, content: await content(), contentType: 'image/jpeg' }),
    );
    expect(uploadMedia).toMatchObject(problem);
    expect(await story.graph?.storedFiles()).toEqual([]);
    expect(await story.graph?.countRows('media', 'media_items')).toBe(0);
  });

  it('still takes a good one afterwards', async () => {
    await ada.addPicture(await smallPng());
    expect(expectData(await ada.run('MyMedia')).myMedia.totalCount).toBe(1);
    expect((await story.graph?.storedFiles())?.length).toBeGreaterThan(1);
  });
});
