import { setImmediate } from 'node:timers/promises'
import { resolvePath } from './attribute-path.ts'
import { badRequest } from './errors.ts'
import { costOf, parseResourceFilter, toComparableValue, valuesAt } from './filter.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { maxListComparisons, maxPageSize } from './limits.ts'
import { createSelection, toResource, type AttributeLists } from './render.ts'
import type { ResourceType } from './schemas.ts'
import type { ResourceReader, ScimAttributes } from './storage.ts'

/** The query parameters of a list (RFC 7644, table 4). */
export interface ListQuery extends AttributeLists {
  filter?: string
  sortBy?: string
  sortOrder?: string
  startIndex?: number
  count?: number
}

const listResponse = 'urn:ietf:params:scim:api:messages:2.0:ListResponse'
// In milliseconds.
const longestTurn = 20

/** Creates the message that holds resources, all or a page of them (RFC 7644, section 3.4.2). */
export function createListResponse (resources: object[], { startIndex = 1, totalResults = resources.length } = {}): object {
  return { schemas: [listResponse], totalResults, startIndex, itemsPerPage: resources.length, Resources: resources }
}

/** Returns a page of the resources that match the query. */
export async function listResources (type: ResourceType, base: string, reader: ResourceReader<ScimAttributes>, query: ListQuery): Promise<object> {
  const { filter: filterText, sortBy, startIndex = 1, count = maxPageSize } = query
  const first = Math.min(Math.max(startIndex, 1), Number.MAX_SAFE_INTEGER)
  const limit = Math.min(Math.max(count, 0), maxPageSize)
  const select = createSelection(type, query)
  const filter = filterText === undefined ? undefined : parseResourceFilter(type, filterText)
  const sort = createSort(type, query)

  if (filter === undefined && sortBy === undefined) {
    const { resources, total } = await reader.page({ offset: first - 1, limit })
    return createListResponse(resources.map((stored) => select(toResource(type, base, stored))), { startIndex: first, totalResults: total })
  }

  const equalities = [...filter?.equalities ?? []].filter((equality): equality is [string, string] => typeof equality[1] === 'string')
  const candidates = await reader.search(new Map(equalities))
  const matches: JsonObject[] = []
  let comparisons = 0
  let turn = performance.now()
  for (const candidate of candidates) {
    // Yields, so that a long search does not block other requests.
    if (performance.now() - turn > longestTurn) {
      await setImmediate()
      turn = performance.now()
    }
    const resource = toResource(type, base, candidate)
    if (filter !== undefined && filter.terms > 1) {
      comparisons += filter.terms * costOf(candidate.attributes)
      if (comparisons > maxListComparisons) throw badRequest('tooMany', 'The filter compares too many values. Use fewer conditions.')
    }
    if (filter === undefined || filter.matches(resource)) matches.push(resource)
  }
  return createListResponse(sort(matches).slice(first - 1, first - 1 + limit).map(select), { startIndex: first, totalResults: matches.length })
}

/**
 * Creates the function that sorts resources (RFC 7644, section 3.4.2.3). Those without a value are last in ascending
 * order. Of a multi-valued attribute the primary value counts, or the first one.
 */
function createSort (type: ResourceType, { sortBy, sortOrder = 'ascending' }: ListQuery): (resources: JsonObject[]) => JsonObject[] {
  const order = sortOrder.toLowerCase()
  if (order !== 'ascending' && order !== 'descending') throw badRequest('invalidValue', '"sortOrder" must be "ascending" or "descending".')
  if (sortBy === undefined) return (resources) => resources

  const { extension, attribute, subAttribute } = resolvePath(type, sortBy) ?? {}
  const leaf = subAttribute ?? (attribute?.type === 'complex' ? attribute.subAttributes?.find(({ name }) => name === 'value') : attribute)
  if (attribute === undefined || leaf === undefined || attribute.returned === 'never') throw badRequest('invalidValue', `There is no attribute "${sortBy}" to sort by.`)

  const keys = [extension?.id, attribute.name].filter((key) => key !== undefined)
  const sign = order === 'ascending' ? 1 : -1
  return (resources) => resources
    .map((resource) => ({ resource, value: sortValue(resource) }))
    .sort((a, b) => sign * compareValues(a.value, b.value))
    .map(({ resource }) => resource)

  function sortValue (resource: JsonObject): string | number | undefined {
    const values = valuesAt(resource, keys)
    const value = values.find((value) => isJsonObject(value) && value['primary'] === true) ?? values[0]
    const [part] = attribute === leaf ? [value] : valuesAt(value as JsonObject, [leaf!.name])
    return part === undefined ? undefined : toComparableValue(leaf!, part)
  }
}

function compareValues (a: string | number | undefined, b: string | number | undefined): number {
  if (a === b) return 0
  if (a === undefined) return 1
  if (b === undefined) return -1
  return a < b ? -1 : 1
}
