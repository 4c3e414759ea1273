import fc from 'fast-check'
import { parse as parseWithOther, filter as compileWithOther } from 'scim2-parse-filter'
import { compileFilter } from 'scim-query-filter-parser'
import t from 'tap'
import { ScimError } from 'fastify-scim-token'
import { parseResourceFilter } from '../../examples/scim/filter.ts'
import { applyOperations } from '../../examples/scim/patch.ts'
import { userType } from '../../examples/scim/schemas.ts'
import { evaluate, patchReference, type Change, type Condition, type Resource } from '../helpers/scim-reference.ts'
import { databases, patchOp, startProvider } from '../helpers/scim-provider.ts'

// In SCIM_LONG=1 10,000 cases each.
const isLong = process.env['SCIM_LONG'] === '1'
const numRuns = isLong ? 10_000 : 300

const text = fc.constantFrom('a', 'b', 'ab', 'A', 'work', 'home', 'a"b', 'a\\b', 'ä', 'and', '(', ']')
const lowerText = fc.constantFrom('a', 'b', 'ab', 'work', 'home')
const type = fc.constantFrom('work', 'home')

function optional<T> (arbitrary: fc.Arbitrary<T>) {
  return fc.option(arbitrary, { nil: undefined })
}

/** Resources as they are stored: nothing undefined, no empty arrays and objects. */
function userOf (text: fc.Arbitrary<string>): fc.Arbitrary<Resource> {
  return fc.record({
    userName: text,
    title: optional(text),
    externalId: optional(text),
    active: optional(fc.boolean()),
    name: optional(fc.record({ givenName: optional(text), familyName: text })),
    emails: optional(fc.uniqueArray(fc.record({ value: text, type }), { minLength: 1, maxLength: 3, selector: ({ value }) => value.toLowerCase() }))
  }).map((user) => JSON.parse(JSON.stringify(user)))
}

/** @param isFull whether the conditions include what other libraries have otherwise: null, the default value, three parts in a row */
function conditionOf (text: fc.Arbitrary<string>, ops: readonly ('eq' | 'ne' | 'co' | 'sw' | 'ew' | 'gt' | 'ge' | 'lt' | 'le')[], isFull: boolean): fc.Arbitrary<Condition> {
  const op = fc.constantFrom(...ops)
  const compare = (...names: string[]) => fc.record({ op, path: fc.constantFrom(...names).map((name) => name.split('.')), value: text }) as fc.Arbitrary<Condition>
  const present = (...names: string[]) => fc.constantFrom(...names).map((name): Condition => ({ op: 'pr', path: name.split('.') }))
  const isNull = fc.constantFrom('title', 'name.givenName', 'emails.value').map((name): Condition => ({ op: 'eq', path: name.split('.'), value: null }))
  const tree = (leaf: fc.Arbitrary<Condition>): fc.Arbitrary<Condition> => fc.letrec<{ tree: Condition }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.record({ op: fc.constantFrom('and' as const, 'or' as const), parts: fc.array(tie('tree'), { minLength: 2, maxLength: isFull ? 3 : 2 }) }),
      fc.record({ op: fc.constant('not' as const), part: tie('tree') })
    )
  })).tree
  const inValue = tree(fc.oneof(compare('value', 'type'), present('value', 'type')))
  const values = fc.record({ op: fc.constant('values' as const), path: fc.constant<string[]>(['emails']), part: inValue })
  const valuesThen = fc.record({ op: fc.constant('values' as const), path: fc.constant<string[]>(['emails']), part: inValue, then: fc.oneof(compare('value', 'type'), present('value')) })
  const active = fc.boolean().map((value): Condition => ({ op: 'eq', path: ['active'], value }))
  return tree(fc.oneof(
    compare('userName', 'title', 'externalId', 'name.givenName', 'name.familyName', 'emails.value', 'emails.type', ...(isFull ? ['emails'] : [])),
    present('title', 'active', 'name.givenName', 'emails.value', ...(isFull ? ['name', 'emails'] : [])),
    active, values, ...(isFull ? [isNull, valuesThen] : [])
  ))
}

/** Writes a condition as text, with brackets where they are needed. */
function print (condition: Condition, inside = false): string {
  switch (condition.op) {
    case 'and': case 'or': {
      const parts = condition.parts.map((part) => print(part, true)).join(` ${condition.op} `)
      return inside ? `(${parts})` : parts
    }
    case 'not': return `not (${print(condition.part)})`
    case 'pr': return `${condition.path.join('.')} pr`
    case 'values': return `${condition.path.join('.')}[${print(condition.part)}]${condition.then === undefined ? '' : `.${print(condition.then)}`}`
    default: return `${condition.path.join('.')} ${condition.op} ${JSON.stringify(condition.value)}`
  }
}

const allOps = ['eq', 'ne', 'co', 'sw', 'ew', 'gt', 'ge', 'lt', 'le'] as const

t.test('generated filters on generated users -> the same as a plain evaluator', async (t) => {
  let matched = 0
  fc.assert(fc.property(fc.array(userOf(text), { minLength: 3, maxLength: 6 }), conditionOf(text, allOps, true), (users, condition) => {
    const filter = parseResourceFilter(userType, print(condition))
    const found = users.filter(filter.matches)
    matched += found.length
    const hasEqualities = (user: Resource) => [...filter.equalities].every(([name, value]) =>
      evaluate({ op: 'eq', path: name.split('.'), value }, user))
    return JSON.stringify(found) === JSON.stringify(users.filter((user) => evaluate(condition, user))) && found.every(hasEqualities)
  }), { numRuns })
  t.comment(`${numRuns} filters, ${matched} matches`)
  t.ok(matched > numRuns / 10)
})

t.test('generated filters -> the same as two other libraries, where they define the case', async (t) => {
  let compared = 0
  let comparedInBrackets = 0
  // Both compare letters exactly and have no match for "ne" without a value.
  fc.assert(fc.property(fc.array(userOf(lowerText), { minLength: 3, maxLength: 6 }), conditionOf(lowerText, ['eq', 'co', 'sw', 'ew'], false), (users, condition) => {
    const filter = print(condition)
    const found = JSON.stringify(users.filter(parseResourceFilter(userType, filter).matches))
    // scim2-parse-filter evaluates several conditions in square brackets on all values at once.
    const hasSeveralInBrackets = /\[[^\]]*( and | or |not )/.test(filter)
    if (!hasSeveralInBrackets) {
      compared++
      if (found !== JSON.stringify(users.filter(compileWithOther(parseWithOther(filter))))) return false
    }
    const other = compileOrNull(filter)
    if (other === null) return true
    comparedInBrackets++
    return found === JSON.stringify(users.filter(other))
  }), { numRuns })
  t.comment(`${numRuns} filters, ${compared} compared with scim2-parse-filter, ${comparedInBrackets} with scim-query-filter-parser`)
  t.ok(compared > numRuns / 10 && comparedInBrackets > numRuns / 10)
})

/** Returns null if it rejects the filter. By the ABNF of RFC 7644 there is no space between "not" and the group. */
function compileOrNull (filter: string) {
  try {
    return compileFilter(filter.replaceAll('not (', 'not('))
  } catch {
    return null
  }
}

const email = fc.record({ value: text, type: optional(type), primary: optional(fc.boolean()) }).map((email) => JSON.parse(JSON.stringify(email)))
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ op: fc.constantFrom('add', 'replace'), name: fc.constantFrom('title', 'userName', 'externalId'), value: fc.oneof(text, fc.constant(' ')) }),
  fc.record({ op: fc.constant('remove'), name: fc.constantFrom('title', 'name', 'emails', 'userName') }),
  fc.record({ op: fc.constantFrom('add', 'replace', 'remove'), name: fc.constant('name'), sub: fc.constantFrom('givenName', 'familyName'), value: text }),
  fc.record({ op: fc.constantFrom('add', 'replace'), name: fc.constant('name'), value: fc.record({ givenName: text }) }),
  fc.record({ op: fc.constantFrom('add', 'replace'), name: fc.constant('emails'), value: fc.array(email, { maxLength: 3 }) }),
  fc.record({ op: fc.constantFrom('add', 'replace', 'remove'), name: fc.constant('emails'), sub: fc.constantFrom('value', 'display'), where: fc.record({ name: fc.constant('type'), value: type }), value: text }),
  fc.record({ op: fc.constantFrom('add', 'replace', 'remove'), name: fc.constant('emails'), sub: fc.constant('display'), where: fc.record({ name: fc.constant('value'), value: text }), value: text }),
  fc.record({ op: fc.constant('remove'), name: fc.constant('emails'), where: fc.record({ name: fc.constantFrom('type', 'value'), value: text }) })
) as fc.Arbitrary<Change>

function toOperation ({ op, name, sub, where, value }: Change) {
  const filter = where === undefined ? '' : `[${where.name} eq ${JSON.stringify(where.value)}]`
  return { op, path: `${name}${filter}${sub === undefined ? '' : `.${sub}`}`, ...(op !== 'remove' && { value }) }
}

t.test('generated PATCH operations -> the same resource as a plain evaluator has, or rejected by both', async (t) => {
  let rejected = 0
  fc.assert(fc.property(userOf(text), fc.array(change, { minLength: 1, maxLength: 4 }), (user, changes) => {
    const expected = patchReference(user, changes)
    if (expected === null) rejected++
    return JSON.stringify(sorted(patchOrNull(user, changes))) === JSON.stringify(sorted(expected))
  }), { numRuns })
  t.comment(`${numRuns} requests, ${rejected} rejected by both`)
  t.ok(rejected < numRuns / 2)
})

function patchOrNull (user: Resource, changes: Change[]): Resource | null {
  try {
    return applyOperations(userType, user, changes.map(toOperation) as Parameters<typeof applyOperations>[2])
  } catch (error) {
    if (error instanceof ScimError) return null
    throw error
  }
}

/** The order of keys says nothing. */
function sorted (value: any): any {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  return Object.fromEntries(Object.keys(value).toSorted().map((name) => [name, sorted(value[name])]))
}

for (const database of databases) {
  t.test(`on the ${database} database`, async (t) => {
    const { send, create, list } = await startProvider(t, database)
    let count = 0

    t.test('generated PATCH operations over a socket -> what is read back is what a plain evaluator has', async (t) => {
      await fc.assert(fc.asyncProperty(userOf(text), fc.array(change, { minLength: 1, maxLength: 4 }), async (generated, changes) => {
        const user = { ...generated, userName: `patched-${++count}` }
        const expected = patchReference(user, changes.filter(({ name }) => name !== 'userName'))
        const { id } = await create('/Users', user)
        const operations = changes.filter(({ name }) => name !== 'userName').map(toOperation)
        if (operations.length === 0) return true
        const { status } = await send('PATCH', `/Users/${id}`, patchOp(...operations))
        const { schemas, id: _id, meta, ...read } = (await send('GET', `/Users/${id}`)).body
        return (status === 400) === (expected === null) && JSON.stringify(sorted(read)) === JSON.stringify(sorted(expected ?? user))
      }), { numRuns: isLong ? 1000 : 40 })
      t.pass()
    })

    t.test('any query string or body -> no 5xx, and a response within 2 seconds', async (t) => {
      const { id } = await create('/Users', { userName: 'fuzzed', emails: [{ value: 'f@example.com', type: 'work' }] })
      const word = fc.oneof(fc.constantFrom('userName', 'emails', '[', ']', '(', ')', '.', 'value', 'type', ' eq ', ' and ', ' or ', ' not ', ' pr', '"', '\\', '\n', '\0', ' ', ',', 'urn:', ':', 'true', 'null', '__proto__', 'constructor', '1', '\ud800', 'ä', 'active', 'meta.created'), fc.string({ maxLength: 4 }))
      const garbage = fc.array(word, { maxLength: 12 }).map((words) => words.join(''))
      const body = fc.oneof(
        fc.json({ maxDepth: 4 }),
        fc.dictionary(fc.oneof(fc.constantFrom('userName', 'emails', 'name', 'active', 'schemas', 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User', 'Operations', 'externalId'), garbage), fc.jsonValue({ maxDepth: 3 })).map((object) => JSON.stringify(object)),
        fc.array(fc.record({ op: fc.constantFrom('add', 'replace', 'remove', 'x'), path: fc.oneof(garbage, fc.constantFrom('emails', 'members', 'name', 'active')), value: fc.jsonValue({ maxDepth: 3 }) })).map((operations) => JSON.stringify(patchOp(...operations as Parameters<typeof patchOp>))),
        garbage
      )
      const request = fc.oneof(
        fc.dictionary(fc.constantFrom('filter', 'sortBy', 'sortOrder', 'startIndex', 'count', 'attributes', 'excludedAttributes', 'x'), garbage).map((query) => ({ method: 'GET', query })),
        fc.record({ method: fc.constantFrom('POST', 'PUT', 'PATCH'), body })
      )
      let slowest = 0
      const statuses = new Map<number, number>()
      await fc.assert(fc.asyncProperty(request, async (request) => {
        const start = performance.now()
        const { status } = 'query' in request
          ? await list('/Users', request.query)
          : await send(request.method, request.method === 'POST' ? '/Users' : `/Users/${id}`, request.body)
        slowest = Math.max(slowest, performance.now() - start)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        return status < 500 && performance.now() - start < 2000
      }), { numRuns: isLong ? 10_000 : 200 })
      t.comment(`statuses ${JSON.stringify([...statuses])}, slowest ${slowest.toFixed(0)} ms`)
      t.pass()
    })
  })
}
