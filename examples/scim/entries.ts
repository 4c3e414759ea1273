import { findAttribute } from './attribute-path.ts'
import { badRequest, tooLarge } from './errors.ts'
import { costOf, type Filter } from './filter.ts'
import type { JsonObject } from './json.ts'
import { maxComparisons, maxValues } from './limits.ts'
import type { Attribute } from './schemas.ts'

/**
 * The values of a multi-valued attribute while a request changes them. They keep their order, and those with a given
 * `value` are found without a look at the others: the cost of many operations on many members is their sum, not their
 * product.
 */
export class Entries {
  readonly #attribute: Attribute
  readonly #entries = new Map<number, JsonObject>()
  readonly #placesByKey = new Map<string, Set<number>>()
  #next = 0
  #comparisons = 0

  constructor (attribute: Attribute, entries: Iterable<JsonObject>) {
    this.#attribute = attribute
    for (const entry of entries) this.#append(entry)
  }

  get size (): number {
    return this.#entries.size
  }

  toArray (): JsonObject[] {
    return [...this.#entries.values()]
  }

  get (place: number): JsonObject | undefined {
    return this.#entries.get(place)
  }

  /**
   * Adds a value. One that exists already is not added again (RFC 7644, section 3.5.2.1), but takes over the
   * sub-attributes of the added one.
   *
   * @returns its place
   */
  add (entry: JsonObject): number {
    const places = this.#placesOf(entry)
    this.#charge(places.size)
    for (const place of places) {
      const existing = this.#entries.get(place)
      if (existing !== undefined && this.#haveSameType(existing, entry)) return this.set(place, { ...existing, ...entry })
    }
    return this.#append(entry)
  }

  /** Replaces the value at a place; `undefined` removes it. */
  set (place: number, entry: JsonObject | undefined): number {
    const former = this.#entries.get(place)
    if (former !== undefined) this.#placesOf(former).delete(place)
    if (entry === undefined) {
      this.#entries.delete(place)
    } else {
      this.#entries.set(place, entry)
      this.#remember(place, entry)
    }
    return place
  }

  clear (): void {
    this.#entries.clear()
    this.#placesByKey.clear()
  }

  /** Returns the places of the values that match the filter; of all without one. */
  select (filter?: Filter): number[] {
    const value = filter?.equalities.get('value')
    const candidates = value === undefined ? [...this.#entries.keys()] : this.selectValue(value)
    this.#charge(filter === undefined ? candidates.length : filter.terms * candidates.reduce((cost, place) => cost + costOf(this.#entries.get(place)), 0))
    return filter === undefined ? candidates : candidates.filter((place) => filter.matches(this.#entries.get(place) ?? {}))
  }

  /** Returns the places of the entries with this "value". */
  selectValue (value: unknown): number[] {
    return [...this.#placesOf({ value })]
  }

  #append (entry: JsonObject): number {
    if (this.size >= maxValues) throw tooLarge(`"${this.#attribute.name}" must have at most ${maxValues} values.`)
    const place = this.#next++
    this.#entries.set(place, entry)
    this.#remember(place, entry)
    return place
  }

  #remember (place: number, entry: JsonObject): void {
    const key = this.#keyOf(entry)
    const places = this.#placesByKey.get(key)
    if (places === undefined) this.#placesByKey.set(key, new Set([place]))
    else places.add(place)
  }

  #placesOf (entry: JsonObject): Set<number> {
    return this.#placesByKey.get(this.#keyOf(entry)) ?? new Set()
  }

  /** RFC 7643, section 2.4: a value is identified by its "value" and its "type". */
  #keyOf (entry: JsonObject): string {
    const { value } = entry
    if (value === undefined) return JSON.stringify(Object.entries(entry).sort())
    return JSON.stringify(this.#fold('value', value))
  }

  /** A value without a type is the same as one with a type: providers send members both ways. */
  #haveSameType (one: JsonObject, other: JsonObject): boolean {
    return one['type'] === undefined || other['type'] === undefined || this.#fold('type', one['type']) === this.#fold('type', other['type'])
  }

  #fold (name: string, value: unknown): string {
    const isExact = findAttribute(this.#attribute.subAttributes, name)?.caseExact === true
    return isExact ? String(value) : String(value).toLowerCase()
  }

  #charge (comparisons: number): void {
    this.#comparisons += comparisons
    if (this.#comparisons > maxComparisons) throw badRequest('tooMany', 'The request compares too many values. Send it in parts.')
  }
}
