/**
 * What several implementations did in turns, and how they compare.
 *
 * @module
 */
import { cell, median, ratio } from "./statistics.ts";
import type { Variant } from "./task.ts";
import type { Workbench } from "./workbench.ts";

/** What is measured, and by whom. */
export interface Turns<Figures> {
  /** What is measured, for who waits. */
  readonly label: string;
  /** Who takes turns. */
  readonly variants: readonly Variant[];
  /** Measures one of them once. */
  readonly measure: (variant: Variant) => Promise<Figures>;
}

/** The figures of implementations that took turns, round by round. */
export class Comparison<Figures> {
  /** Who took turns. */
  readonly variants: readonly Variant[];
  readonly #figures: ReadonlyMap<string, readonly Figures[]>;
  readonly #errors: ReadonlyMap<string, string>;

  private constructor(
    variants: readonly Variant[],
    figures: ReadonlyMap<string, readonly Figures[]>,
    errors: ReadonlyMap<string, string>,
  ) {
    this.variants = variants;
    this.#figures = figures;
    this.#errors = errors;
  }

  /** Measures; who fails once is not asked again. */
  static async run<Figures>(
    workbench: Workbench,
    { label, variants, measure }: Turns<Figures>,
  ): Promise<Comparison<Figures>> {
    const able = workbench.runnable(variants);
    const figures = new Map<string, Figures[]>(able.map(({ name }) => [name, []]));
    const errors = new Map<string, string>();
    for (let round = 1; round <= workbench.rounds; round++) {
      for (const variant of able.filter(({ name }) => !errors.has(name))) {
        workbench.say(`${label}, round ${round}: ${variant.name}`);
        try {
          figures.get(variant.name)?.push(await measure(variant));
        } catch (error) {
          errors.set(variant.name, error instanceof Error ? error.message : String(error));
        }
      }
    }
    return new Comparison(able, figures, errors);
  }

  /** The middle value of what the rounds gave. */
  value(name: string, figure: (figures: Figures) => number | undefined): number | undefined {
    const values = this.#figures.get(name)?.map(figure).filter((value) => value !== undefined);
    return values === undefined || values.length === 0 ? undefined : median(values);
  }

  /** The same as a cell, with the ratio to what the variant is compared with. */
  cell({ name, base }: Variant, figure: (figures: Figures) => number | undefined): string {
    const value = this.value(name, figure);
    if (value === undefined) return "–";
    const text = cell(value);
    const to = this.value(base, figure);
    return name === base || to === undefined ? text : `${text} (${ratio(value, to)})`;
  }

  /** What went wrong, for a cell. */
  error(
    { name }: Variant,
    figure: (figures: Figures) => string | undefined = () => undefined,
  ): string {
    const found = this.#errors.get(name) ??
      this.#figures.get(name)?.map(figure).find((error) => error !== undefined);
    return (found ?? "").replaceAll("|", "\\|");
  }
}
