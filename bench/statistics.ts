/** The middle of some numbers and their range. */
export interface Spread {
  /** The mean of the middle half: one slow process has no influence on it. */
  middle: number
  lowest: number
  highest: number
}

export function spread (values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const cut = Math.floor(sorted.length / 4)
  const kept = sorted.slice(cut, sorted.length - cut)
  return {
    middle: kept.reduce((sum, value) => sum + value, 0) / kept.length,
    lowest: sorted[0] ?? NaN,
    highest: sorted.at(-1) ?? NaN
  }
}

export function median (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? NaN
  const middle = (sorted.length - 1) / 2
  return (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2
}
