interface StepFacts {
  readonly workdir: { readonly value: string };
  readonly user: { readonly value: string };
  readonly copy: {
    readonly from: string | null;
    readonly parents: boolean;
    readonly sources: readonly string[];
    readonly target: string;
  };
  readonly run: { readonly command: string };
  readonly env: { readonly values: Readonly<Record<string, string>> };
  readonly entrypoint: { readonly words: readonly string[] };
  readonly cmd: { readonly words: readonly string[] };
  readonly healthcheck: { readonly words: readonly string[] };
  readonly expose: { readonly ports: readonly number[] };
  readonly volume: { readonly folders: readonly string[] };
}

export type StepKind = keyof StepFacts;
export type StepOf<Kind extends StepKind> = { readonly kind: Kind; readonly line: number } & StepFacts[Kind];
export type Step = { [Kind in StepKind]: StepOf<Kind> }[StepKind];

export interface Stage {
  readonly name: string;
  /** Another stage, or an image. */
  readonly base: string;
  readonly steps: readonly Step[];
}

export function readDockerfile(file: string): Stage[];
