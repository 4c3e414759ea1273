// A plain evaluator of filters and PATCH operations, written from the text of RFC 7643 and RFC 7644 and the table of
// examples/scim/README.md, without any code of examples/scim. It evaluates trees and has no parser.

export type Value = string | boolean | null
export type Condition =
  | { op: 'and' | 'or', parts: Condition[] }
  | { op: 'not', part: Condition }
  | { op: 'pr', path: string[] }
  | { op: 'eq' | 'ne' | 'co' | 'sw' | 'ew' | 'gt' | 'ge' | 'lt' | 'le', path: string[], value: Value }
  | { op: 'values', path: string[], part: Condition, then?: Condition }

export type Resource = { [name: string]: any }

const exact = new Set(['id', 'externalId'])

export function evaluate (condition: Condition, resource: Resource): boolean {
  switch (condition.op) {
    case 'and': return condition.parts.every((part) => evaluate(part, resource))
    case 'or': return condition.parts.some((part) => evaluate(part, resource))
    case 'not': return !evaluate(condition.part, resource)
    case 'values': return get(resource, condition.path).some((value) => evaluate(condition.part, value) && (condition.then === undefined || evaluate(condition.then, value)))
    case 'pr': return get(resource, condition.path).some(isNotEmpty)
  }
  const { op, path, value } = condition
  const fold = (text: unknown) => exact.has(String(path.at(-1))) ? String(text) : String(text).toLowerCase()
  const found = get(resource, path).flatMap((found) => typeof found === 'object' ? found.value ?? [] : [found])
  if (value === null) return (op === 'eq') !== get(resource, path).some(isNotEmpty)
  const some = (test: (text: string) => boolean) => found.some((one) => test(fold(one)))
  const right = fold(value)
  switch (op) {
    case 'eq': return some((left) => left === right)
    case 'ne': return found.length === 0 || some((left) => left !== right)
    case 'co': return some((left) => left.includes(right))
    case 'sw': return some((left) => left.startsWith(right))
    case 'ew': return some((left) => left.endsWith(right))
    case 'gt': return some((left) => left > right)
    case 'ge': return some((left) => left >= right)
    case 'lt': return some((left) => left < right)
    case 'le': return some((left) => left <= right)
  }
}

function get (resource: Resource, path: string[]): any[] {
  return path.reduce((found: any[], name) => found.flatMap((one) => one[name] ?? []), [resource])
}

function isNotEmpty (value: any): boolean {
  return typeof value === 'object' ? Object.values(value).some(isNotEmpty) : value !== ''
}

export interface Change { op: 'add' | 'replace' | 'remove', name: string, sub?: string, where?: { name: string, value: string }, value?: any }

/** Returns the resource after the changes, or `null` if they are rejected. */
export function patchReference (resource: Resource, changes: Change[]): Resource | null {
  const patched = structuredClone(resource)
  for (const change of changes) if (!applyChange(patched, change)) return null
  return String(patched['userName'] ?? '').trim() === '' ? null : patched
}

function applyChange (resource: Resource, { op, name, sub, where, value }: Change): boolean {
  const keep = (next: any) => {
    if (next === undefined || (typeof next === 'object' && Object.keys(next).length === 0)) delete resource[name]
    else resource[name] = next
    return true
  }
  if (name !== 'emails') {
    if (sub !== undefined) {
      const { [sub]: _former, ...others } = resource[name] ?? {}
      return keep(op === 'remove' ? others : { ...others, [sub]: value })
    }
    if (op === 'remove') return keep(undefined)
    return keep(typeof value === 'object' ? { ...resource[name], ...value } : value)
  }

  const emails: Resource[] = resource[name] ?? []
  const same = (a: any, b: any) => a?.toLowerCase() === b?.toLowerCase()
  if (where === undefined && sub === undefined) {
    if (op === 'remove') return keep(undefined)
    const next: Resource[] = op === 'replace' ? [] : [...emails]
    const primaries = new Set<number>()
    for (const added of value) {
      let at = next.findIndex((one) => same(one['value'], added.value) && (one['type'] === undefined || added.type === undefined || same(one['type'], added.type)))
      if (at < 0) at = next.push({}) - 1
      next[at] = { ...next[at], ...added }
      if (added.primary === true) primaries.add(at)
    }
    if (primaries.size > 1) return false
    const [primary] = primaries
    return keep(primary === undefined ? next : next.map((one, i) => i !== primary && one['primary'] === true ? { ...one, primary: false } : one))
  }

  const isSelected = (one: Resource) => where === undefined || same(one[where.name], where.value)
  if (op === 'remove' && sub === undefined) return keep(emails.filter((one) => !isSelected(one)))
  const part: Resource = sub === undefined ? value : { [sub]: value }
  if (op === 'remove') {
    const next = emails.map((one) => {
      const { [sub!]: _removed, ...others } = one
      return isSelected(one) ? others : one
    })
    return keep(next.filter((one, i) => !isSelected(emails[i] ?? {}) || Object.keys(one).some((name) => name === 'value')))
  }
  if (emails.some(isSelected)) return keep(emails.map((one) => isSelected(one) ? { ...one, ...part } : one))
  const created = { ...(where && { [where.name]: where.value }), ...part }
  if (where?.name === 'value' || !isSelected(created)) return false
  return applyChange(resource, { op: 'add', name, value: [created] })
}
