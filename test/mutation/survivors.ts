/** A line of lib/ with mutants that survive, as the report shows them. */
export interface Survivors {
  file: string
  code: string
  mutants: string[]
  /** Why nobody who uses the package can see what they change. */
  reason: string
}

export const survivors: Survivors[] = [
]
