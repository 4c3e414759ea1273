/** A surviving mutant. */
export interface Survivor {
  file: string
  /** What is replaced. Line breaks count as blanks. */
  code: string
  mutant: string
  /** Why no user of the package can observe the change. */
  reason: string
}

export const survivors: Survivor[] = []
