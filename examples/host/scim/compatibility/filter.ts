import SCIMMY from 'scimmy'
import { findAttribute, findSubAttribute, isJsonObject, type Attribute, type JsonObject, type SchemaDefinition } from './attributes.ts'

/** Whether a resource, or an entry of a multi-valued attribute, matches a filter. */
type Test = (candidate: JsonObject) => boolean

export interface Filter {
  matches: Test
  /** What attributes equal in every resource that matches, by name. */
  equalities: ReadonlyMap<string, unknown>
}

/** SCIMMY's form of a condition: `["eq", "x"]`, `["not", "eq", "x"]`, a list of these, or an object with one for each sub-attribute. */
type Expression = readonly unknown[] | { readonly [name: string]: Expression }

/** Looks up the attribute that a name in a filter refers to. */
type Find = (name: string) => Found | undefined

interface Found {
  attribute: Attribute
  extension?: string | undefined
  valuesIn: (candidate: JsonObject) => unknown[]
}

/**
 * Parses a filter on resources with SCIMMY, but matches it here (RFC 7644, section 3.4.2.2): SCIMMY
 * compares all strings exactly and throws if a resource lacks an attribute of the filter.
 *
 * @throws SCIMError 400 invalidFilter
 */
export function parseResourceFilter (schema: SchemaDefinition, text: string): Filter {
  return parse(text, (name) => {
    const found = findAttribute(schema, name)
    if (found === undefined) return undefined
    const { attribute, extension } = found
    return {
      attribute,
      extension,
      valuesIn: (resource) => valuesOf(extension === undefined ? resource : resource[extension], attribute)
    }
  })
}

/** Parses the filter in brackets that selects entries of a multi-valued attribute. */
export function parseValueFilter (attribute: Attribute, text: string): Filter {
  return parse(text, (name) => {
    const subAttribute = findSubAttribute(attribute, name)
    return subAttribute && { attribute: subAttribute, valuesIn: (entry) => valuesOf(entry, subAttribute) }
  })
}

function parse (text: string, find: Find): Filter {
  const { branches, literals } = parseWithScimmy(text)
  const equalities = new Map<string, unknown>()

  const tests = branches.map((branch) => {
    const conditions = Object.entries(branch).map(([name, expression]): Test => {
      const found = find(name)
      if (found === undefined) throw invalidFilter(`There is no attribute "${name}" to filter by.`)
      const { attribute, extension, valuesIn } = found
      const [comparator, expected, ...others] = Array.isArray(expression) ? expression : []
      if (extension === undefined && comparator === 'eq' && others.length === 0) equalities.set(attribute.name, literalOf(expected))

      const test = compile(attribute, expression)
      return (candidate) => test(valuesIn(candidate))
    })
    return (candidate: JsonObject) => conditions.every((test) => test(candidate))
  })
  return {
    matches: (candidate) => tests.some((test) => test(candidate)),
    equalities: branches.length === 1 ? equalities : new Map()
  }

  function compile (attribute: Attribute, expression: Expression): (values: unknown[]) => boolean {
    if (!isArray(expression)) {
      const tests = Object.entries(expression).map(([name, part]) => {
        const subAttribute = findSubAttribute(attribute, name)
        if (subAttribute === undefined) throw invalidFilter(`"${attribute.name}" has no "${name}" to filter by.`)
        const test = compile(subAttribute, part)
        return (value: unknown) => test(valuesOf(value, subAttribute))
      })
      return (values) => values.some((value) => tests.every((test) => test(value)))
    }
    if (expression.every((part) => typeof part === 'object' && part !== null)) {
      const tests = expression.map((part) => compile(attribute, part as Expression))
      return (values) => tests.every((test) => test(values))
    }
    if (expression[0] === 'not') {
      const test = compile(attribute, expression.slice(1))
      return (values) => !test(values)
    }
    const [comparator, expected] = expression
    if (comparator === 'pr') return (values) => values.length > 0
    // RFC 7643, section 2.4: "value" is the default sub-attribute.
    const value = findSubAttribute(attribute, 'value')
    if (attribute.type === 'complex' && value !== undefined) {
      const test = comparison(value, comparator, literalOf(expected))
      return (values) => test(values.flatMap((entry) => valuesOf(entry, value)))
    }
    return comparison(attribute, comparator, literalOf(expected))
  }

  function literalOf (expected: unknown): unknown {
    return typeof expected === 'string' && /^\d+$/.test(expected) ? literals[Number(expected)] : expected
  }
}

/**
 * Parses with SCIMMY, which misreads escapes, brackets and logical operators inside a string: each
 * string is replaced by its index in `literals`.
 */
function parseWithScimmy (text: string): { branches: { [name: string]: Expression }[], literals: unknown[] } {
  // SCIMMY would parse "not (a or b)" as "not a or not b".
  if (/\bnot\s*\([^)]*\s(and|or)\s/i.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'))) {
    throw invalidFilter('"not" before several conditions is not supported.')
  }
  const literals: unknown[] = []
  try {
    const numbered = text.replace(/"(?:[^"\\]|\\.)*"/g, (literal) => `"${literals.push(JSON.parse(literal)) - 1}"`)
    return { branches: [...new SCIMMY.Types.Filter(numbered)], literals }
  } catch (error) {
    if (error instanceof SCIMMY.Types.Error) throw error
    throw invalidFilter('The filter is not complete.')
  }
}

function comparison (attribute: Attribute, comparator: unknown, expected: unknown): (values: unknown[]) => boolean {
  const unsupported = invalidFilter(`"${attribute.name}" cannot be compared like this.`)
  if (expected === undefined || attribute.type === 'complex') throw unsupported
  if (expected === null) {
    if (comparator === 'eq') return (values) => values.length === 0
    if (comparator === 'ne') return (values) => values.length > 0
    throw unsupported
  }

  const right = comparable(attribute, expected)
  const some = (test: (left: string | number) => boolean) => (values: unknown[]) => values.some((value) => test(comparable(attribute, value)))
  if (comparator === 'eq') return some((left) => left === right)
  if (comparator === 'ne') return (values) => values.length === 0 || some((left) => left !== right)(values)
  if (attribute.type === 'boolean') throw unsupported
  switch (comparator) {
    case 'co': return some((left) => String(left).includes(String(right)))
    case 'sw': return some((left) => String(left).startsWith(String(right)))
    case 'ew': return some((left) => String(left).endsWith(String(right)))
    case 'gt': return some((left) => left > right)
    case 'ge': return some((left) => left >= right)
    case 'lt': return some((left) => left < right)
    case 'le': return some((left) => left <= right)
    default: throw unsupported
  }
}

function comparable ({ type, config }: Attribute, value: unknown): string | number {
  if (type === 'dateTime') return new Date(value as string | Date).getTime()
  if (type === 'integer' || type === 'decimal') return Number(value)
  // Deviates for Entra ID, which sends booleans as strings in filters, too: roles[primary eq "True"].
  return config.caseExact && type !== 'boolean' ? String(value) : String(value).toLowerCase()
}

function valuesOf (container: unknown, { name }: Attribute): unknown[] {
  const value = isJsonObject(container) ? container[name] : undefined
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

function isArray (expression: Expression): expression is readonly unknown[] {
  return Array.isArray(expression)
}

function invalidFilter (detail: string): SCIMMY.Types.SCIMError {
  return new SCIMMY.Types.Error(400, 'invalidFilter', detail)
}
