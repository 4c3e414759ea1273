import { parse, type Filter as Tree } from 'scim2-parse-filter'
import { findAttribute, resolvePath } from './attribute-path.ts'
import { badRequest } from './errors.ts'
import { isJsonObject, isStorable, type JsonObject } from './json.ts'
import { maxFilterDepth, maxFilterLength, maxFilterTerms } from './limits.ts'
import type { Attribute, ResourceType } from './schemas.ts'

/** A filter on resources, or on the values of a multi-valued attribute. */
export interface Filter {
  matches: (candidate: JsonObject) => boolean
  /** What attributes equal in each candidate that matches, by name; a sub-attribute as `emails.value`. */
  equalities: ReadonlyMap<string, string | boolean>
  /** How many conditions there are. */
  terms: number
}

type Compiled = Pick<Filter, 'matches' | 'equalities'>

/** Looks up the attribute that a name in the filter refers to. */
type Scope = (name: string) => Found | undefined

interface Found {
  attribute: Attribute
  /** The keys that lead to its values. */
  keys: readonly string[]
  /** Its name in the equalities; `undefined` if it is not among them. */
  equality?: string | undefined
}

/** What an attribute is compared with. */
interface Literal {
  value: string | boolean | number | null
  quoted: boolean
}

/**
 * Parses a filter on resources (RFC 7644, section 3.4.2.2).
 *
 * @throws ScimError 400 invalidFilter
 */
export function parseResourceFilter (type: ResourceType, text: string): Filter {
  return parseFilter(text, (name) => {
    const { extension, attribute, subAttribute } = resolvePath(type, name) ?? {}
    if (attribute === undefined || attribute.returned === 'never') return undefined
    const keys = [extension?.id, attribute.name, subAttribute?.name].filter((key) => key !== undefined)
    const isStored = extension === undefined && (attribute.mutability !== 'readOnly' || attribute.name === 'id')
    return { attribute: subAttribute ?? attribute, keys, equality: isStored ? keys.join('.') : undefined }
  })
}

/** Parses the filter in brackets that selects values of a multi-valued attribute. */
export function parseValueFilter (attribute: Attribute, text: string): Filter {
  return parseFilter(text, valueScope(attribute))
}

function valueScope ({ subAttributes }: Attribute): Scope {
  return (name) => {
    const attribute = findAttribute(subAttributes, name)
    return attribute && { attribute, keys: [attribute.name], equality: attribute.name }
  }
}

function parseFilter (text: string, scope: Scope): Filter {
  const { skeleton, names, literals } = readTokens(text)
  const nameAt = (placeholder: string) => String(names[Number(placeholder.slice(1))])
  return { ...compile(parseTree(skeleton), scope), terms: names.length }

  function compile (tree: Tree, scope: Scope): Compiled {
    switch (tree.op) {
      case 'and': {
        const parts = (asValueFilter(tree.filters) ?? tree.filters).map((part) => compile(part, scope))
        return { matches: (candidate) => parts.every(({ matches }) => matches(candidate)), equalities: new Map(parts.flatMap(({ equalities }) => [...equalities])) }
      }
      case 'or': {
        const parts = tree.filters.map((part) => compile(part, scope))
        return { matches: (candidate) => parts.some(({ matches }) => matches(candidate)), equalities: new Map() }
      }
      case 'not': {
        const { matches } = compile(tree.filter, scope)
        return { matches: (candidate) => !matches(candidate), equalities: new Map() }
      }
      case '[]': {
        const { attribute, keys, equality } = find(tree.attrPath, scope)
        const { matches, equalities } = compile(tree.valFilter, valueScope(attribute))
        const prefixed = equality === undefined ? [] : [...equalities].map(([name, value]) => [`${equality}.${name}`, value] as const)
        return { matches: (candidate) => valuesAt(candidate, keys).some((value) => matches(value as JsonObject)), equalities: new Map(prefixed) }
      }
      case 'pr': {
        const { keys } = find(tree.attrPath, scope)
        return { matches: (candidate) => valuesAt(candidate, keys).some(isPresent), equalities: new Map() }
      }
      default: {
        const literal = literals[Number(tree.compValue)] as Literal
        const found = find(tree.attrPath, scope)
        const { attribute, keys, equality } = literal.value === null ? found : toComparable(found, tree.op)
        const matches = compare(attribute, tree.op, literal)
        const equals = tree.op === 'eq' && equality !== undefined && literal.value !== null
        return { matches: (candidate) => matches(valuesAt(candidate, keys)), equalities: new Map(equals ? [[equality, readOperand(attribute, literal)]] : []) }
      }
    }
  }

  function find (placeholder: string, scope: Scope): Found {
    const name = nameAt(placeholder)
    const found = scope(name)
    if (found === undefined) throw invalidFilter(`There is no attribute "${name}" to filter by.`)
    return found
  }
}

// A string, an opening bracket, a closing one with what Entra ID writes after it (".value"), or a word.
const token = /\s+|("(?:[^"\\]|\\.)*"(?=[\s()[\]]|$))|([([])|([)\]](?:\.[^\s"()[\]]+)?)|([^\s"()[\]]+(?=[\s()[\]]|$))/gy
const comparisons = new Set(['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'])

/**
 * Replaces each name and each literal by its index, so that the parser sees no text of a client: an unclosed string
 * would take it exponential time, and it knows neither the escapes of JSON nor words without quotes. Checks the
 * limits, the words between names, and that a group follows `not`.
 */
function readTokens (text: string): { skeleton: string, names: string[], literals: Literal[] } {
  if (text.length > maxFilterLength) throw invalidFilter(`A filter must have at most ${maxFilterLength} characters.`)
  const names: string[] = []
  const literals: Literal[] = []
  let skeleton = ''
  let length = 0
  let depth = 0
  let previous = 'start' as 'start' | 'name' | 'comparison' | 'not' | 'end'

  for (const [whole, string, opening, closing, word] of text.matchAll(token)) {
    length += whole.length
    if (previous === 'not' && opening !== '(' && whole.trim() !== '') throw invalidFilter('"not" must be followed by a group: not (...).')
    const keyword = word?.toLowerCase()

    if (opening !== undefined) {
      if (++depth > maxFilterDepth) throw invalidFilter(`A filter must have at most ${maxFilterDepth} nested brackets.`)
      add(opening, 'start')
    } else if (closing !== undefined) {
      depth--
      if (closing.length > 1) add(`${closing[0]}.${placeholder(closing.slice(2))}`, 'name')
      else add(closing, 'end')
    } else if (string !== undefined) {
      add(`"${literals.push({ value: readString(string), quoted: true }) - 1}"`, 'end')
    } else if (word === undefined || keyword === undefined) {
      skeleton += ' '
    } else if (previous === 'name') {
      if (keyword !== 'pr' && !comparisons.has(keyword)) throw invalidFilter(`There is no operator "${word}".`)
      add(keyword, keyword === 'pr' ? 'end' : 'comparison')
    } else if (keyword === 'and' || keyword === 'or') {
      add(keyword, 'start')
    } else if (keyword === 'not') {
      if (previous !== 'start') throw malformed()
      add(keyword, 'not')
    } else if (previous === 'comparison') {
      add(`"${literals.push({ value: readWord(word), quoted: false }) - 1}"`, 'end')
    } else {
      add(placeholder(word), 'name')
    }
  }
  if (length < text.length) throw malformed()
  return { skeleton, names, literals }

  function add (part: string, kind: typeof previous): void {
    skeleton += part
    previous = kind
  }

  function placeholder (name: string): string {
    if (names.push(name) > maxFilterTerms) throw invalidFilter(`A filter must have at most ${maxFilterTerms} conditions.`)
    return `a${names.length - 1}`
  }
}

function readString (token: string): string {
  let text: string
  try {
    text = JSON.parse(token)
  } catch {
    throw malformed()
  }
  if (!isStorable(text)) throw invalidFilter('The filter has a string with characters that no resource has.')
  return text
}

/** A literal of JSON; or, for Microsoft's reference collection, a text without quotes (`userName sw O`). */
function readWord (word: string): string | boolean | number | null {
  if (!/^[\w.:@+-]+$/.test(word)) throw malformed()
  try {
    return JSON.parse(word)
  } catch {
    return word
  }
}

function parseTree (skeleton: string): Tree {
  try {
    return parse(skeleton)
  } catch {
    throw malformed()
  }
}

/**
 * The parser has `emails[type eq "work"].value eq "x"` as two conditions, the second one on `emails.value`. Both are on
 * the same value. No name has a dot at this point, so that this form is not mistaken for another one.
 */
function asValueFilter ([group, condition]: Tree[]): Tree[] | undefined {
  if (group?.op !== '[]' || condition === undefined || !('attrPath' in condition)) return undefined
  const [, subAttribute] = condition.attrPath.split('.')
  if (subAttribute === undefined) return undefined
  return [{ ...group, valFilter: { op: 'and', filters: [group.valFilter, { ...condition, attrPath: subAttribute } as Tree] } }]
}

/** RFC 7643, section 2.4: "value" is the default sub-attribute. */
function toComparable ({ attribute, keys, equality }: Found, op: string): Found {
  if (attribute.type !== 'complex') return { attribute, keys, equality }
  const value = findAttribute(attribute.subAttributes, 'value')
  if (value === undefined) throw invalidFilter(`"${attribute.name}" cannot be compared with "${op}".`)
  return { attribute: value, keys: [...keys, 'value'], equality: equality && `${equality}.value` }
}

/** Of a multi-valued attribute one value that matches is enough (RFC 7644, section 3.4.2.2). */
function compare (attribute: Attribute, op: string, literal: Literal): (values: unknown[]) => boolean {
  const unsupported = invalidFilter(`"${attribute.name}" cannot be compared with "${op}".`)
  if (literal.value === null) {
    if (op === 'eq') return (values) => !values.some(isPresent)
    if (op === 'ne') return (values) => values.some(isPresent)
    throw unsupported
  }
  const operand = readOperand(attribute, literal)
  const right = toText(attribute, operand)
  const some = (test: (left: string) => boolean) => (values: unknown[]) => values.some((value) => test(toText(attribute, value)))
  if (attribute.type === 'boolean' && op !== 'eq' && op !== 'ne') throw unsupported
  switch (op) {
    case 'co': return some((left) => left.includes(right))
    case 'sw': return some((left) => left.startsWith(right))
    case 'ew': return some((left) => left.endsWith(right))
  }

  const limit = toComparableValue(attribute, operand)
  if (Number.isNaN(limit)) throw invalidFilter(`"${attribute.name}" is a date and time: "2026-01-31T12:00:00Z".`)
  const someValue = (test: (left: string | number) => boolean) => (values: unknown[]) => values.some((value) => test(toComparableValue(attribute, value)))
  if (op === 'eq') return someValue((left) => left === limit)
  // Whatever is not equal, also a resource that has no value.
  if (op === 'ne') return (values) => values.length === 0 || someValue((left) => left !== limit)(values)
  if (attribute.type === 'binary') throw unsupported
  switch (op) {
    case 'gt': return someValue((left) => left > limit)
    case 'ge': return someValue((left) => left >= limit)
    case 'lt': return someValue((left) => left < limit)
    default: return someValue((left) => left <= limit)
  }
}

/** Returns what values of the attribute are compared with, if it has their type. */
function readOperand ({ name, type }: Attribute, { value, quoted }: Literal): string | boolean {
  if (type !== 'boolean' && typeof value === 'string') return value
  if (type === 'boolean' && typeof value === 'boolean') return value
  // Deviates for Entra ID, which sends booleans as strings in filters, too: roles[primary eq "True"].
  if (type === 'boolean' && quoted && /^(true|false)$/i.test(String(value))) return String(value).toLowerCase() === 'true'
  throw invalidFilter(`"${name}" has no value such as ${JSON.stringify(value)}.`)
}

const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[-+]\d\d:\d\d)?$/

/** Returns a value that is ordered as values of the attribute are; `NaN` if it is a malformed date. */
export function toComparableValue (attribute: Attribute, value: unknown): string | number {
  if (attribute.type !== 'dateTime') return toText(attribute, value)
  return dateTime.test(String(value)) ? new Date(String(value)).getTime() : NaN
}

function toText ({ caseExact }: Attribute, value: unknown): string {
  return caseExact ? String(value) : String(value).toLowerCase()
}

/** Returns the values of the attribute with these keys; those of each value of a multi-valued one. */
export function valuesAt (candidate: JsonObject, keys: readonly string[]): unknown[] {
  let values: unknown[] = [candidate]
  for (const key of keys) values = values.flatMap((value) => (isJsonObject(value) ? value[key] : undefined) ?? [])
  return values
}

/** Returns what it costs to compare the values within a value with one condition: 1 for each, and for 100 characters. */
export function costOf (value: unknown): number {
  if (Array.isArray(value)) return value.reduce((cost: number, element) => cost + costOf(element), 1)
  if (isJsonObject(value)) return costOf(Object.values(value))
  return typeof value === 'string' ? 1 + value.length / 100 : 1
}

/** RFC 7644, table 3: "pr" matches a value that is not empty, and a complex one with a part that is not. */
function isPresent (value: unknown): boolean {
  return isJsonObject(value) ? Object.values(value).some(isPresent) : value !== ''
}

function malformed () {
  return invalidFilter('The filter is malformed.')
}

function invalidFilter (message: string) {
  return badRequest('invalidFilter', message)
}
