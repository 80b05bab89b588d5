import type { ZxcvbnFactory } from '@zxcvbn-ts/core';

export interface PasswordStrength {
  /** 0 to 4. */
  readonly score: number;
  readonly suggestions: readonly string[];
}

export const MIN_PASSWORD_SCORE = 3;
/** Time grows with the square and more, and no password is easier to guess than its beginning. */
const JUDGED_CHARACTERS = 64;

interface Estimator {
  readonly zxcvbn: ZxcvbnFactory;
  /** Passwords that leaks have in common, in small letters: the 49,000 that come with zxcvbn-ts (MIT). */
  readonly leaked: ReadonlySet<string>;
}

let estimator: Promise<Estimator> | null = null;

/** The dictionaries cost a tenth of a second and some megabytes: they are loaded when the first password comes. */
function loadEstimator(): Promise<Estimator> {
  estimator ??= (async () => {
    const [{ ZxcvbnFactory }, common, english] = await Promise.all([
      import('@zxcvbn-ts/core'),
      import('@zxcvbn-ts/language-common'),
      import('@zxcvbn-ts/language-en'),
    ]);
    const zxcvbn = new ZxcvbnFactory({
      dictionary: { ...common.dictionary, ...english.dictionary },
      graphs: common.adjacencyGraphs,
      translations: english.translations,
    });
    return { zxcvbn, leaked: new Set(common.dictionary['passwords-common'].map(String)) };
  })();
  return estimator;
}

/** What a thread runs: see `strength-checks.ts`. */
export function judgePassword({
  password,
  personal,
}: {
  readonly password: string;
  readonly personal: readonly string[];
}): Promise<PasswordStrength> {
  return estimatePassword(password, personal);
}

/**
 * Estimates how hard a password is to guess (NIST SP 800-63B, section 3.1.1.2: against a list of those that are known).
 *
 * @param personal what an attacker would try first: the user's name and address
 */
export async function estimatePassword(password: string, personal: readonly string[]): Promise<PasswordStrength> {
  const words = personal.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)]).filter((word) => word.length > 2);
  const { zxcvbn, leaked } = await loadEstimator();
  if (leaked.has(password.toLowerCase()))
    return { score: 0, suggestions: ['Many people have had this password, and it has leaked: choose another.'] };
  const { score, feedback } = zxcvbn.check([...password].slice(0, JUDGED_CHARACTERS).join(''), words);
  return {
    score,
    suggestions: [feedback.warning, ...feedback.suggestions].filter((text): text is string => Boolean(text)),
  };
}
