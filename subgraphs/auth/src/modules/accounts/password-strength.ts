import type { ZxcvbnFactory } from '@zxcvbn-ts/core';

export interface PasswordStrength {
  /** 0 to 4. */
  readonly score: number;
  readonly suggestions: readonly string[];
}

export const MIN_PASSWORD_SCORE = 3;
export const PASSWORD_LENGTH = { min: 10, max: 128 } as const;

let estimator: Promise<ZxcvbnFactory> | null = null;

/** The dictionaries cost a tenth of a second and some megabytes: they are loaded when the first password comes. */
function loadEstimator(): Promise<ZxcvbnFactory> {
  estimator ??= (async () => {
    const [{ ZxcvbnFactory }, common, english] = await Promise.all([
      import('@zxcvbn-ts/core'),
      import('@zxcvbn-ts/language-common'),
      import('@zxcvbn-ts/language-en'),
    ]);
    return new ZxcvbnFactory({
      dictionary: { ...common.dictionary, ...english.dictionary },
      graphs: common.adjacencyGraphs,
      translations: english.translations,
    });
  })();
  return estimator;
}

/**
 * Estimates how hard a password is to guess.
 *
 * @param personal what an attacker would try first: the user's name and address
 */
export async function estimatePassword(password: string, personal: readonly string[]): Promise<PasswordStrength> {
  const words = personal.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)]).filter((word) => word.length > 2);
  const { score, feedback } = (await loadEstimator()).check(password, words);
  return {
    score,
    suggestions: [feedback.warning, ...feedback.suggestions].filter((text): text is string => Boolean(text)),
  };
}
