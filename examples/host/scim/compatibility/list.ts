import SCIMMY from 'scimmy'
import type { Queryable } from '../../database.ts'
import type { ResourceTable } from '../resource-table.ts'
import { parseResourceFilter } from './filter.ts'
import { renderer, type ResourceClass } from './render.ts'

export type ListQuery = NonNullable<ConstructorParameters<typeof SCIMMY.Types.Resource>[1]>

/** How many resources a page holds at most. */
export const maxPageSize = 200

/**
 * Returns a page of the resources that match the query (RFC 7644, section 3.4.2). SCIMMY returns the
 * first page if "startIndex" is past the end (its pull request 102), and the limit as
 * "itemsPerPage" (its issue 101).
 */
export async function listResources (
  Resource: ResourceClass,
  table: ResourceTable,
  { filter: filterText, sortBy, sortOrder = 'ascending', startIndex = 1, count = maxPageSize, ...attributeLists }: ListQuery,
  db: Queryable
) {
  const first = Math.max(startIndex, 1)
  const limit = Math.min(Math.max(count, 0), maxPageSize)
  const render = renderer(Resource, attributeLists)

  const { contents, total } = await page()
  return {
    schemas: [SCIMMY.Messages.ListResponse.id],
    Resources: contents.map(render),
    startIndex: first,
    itemsPerPage: contents.length,
    totalResults: total
  }

  async function page () {
    if (filterText === undefined && sortBy === undefined) return await table.page(db, { limit, offset: first - 1 })

    const filter = filterText === undefined ? undefined : parseResourceFilter(Resource.schema.definition, filterText)
    const candidates = await table.select(db, filter?.equalities)
    const matches = filter === undefined ? candidates : candidates.filter(filter.matches)
    const sorted = sortBy === undefined ? matches : sort(matches, sortBy)
    return { contents: sorted.slice(first - 1, first - 1 + limit), total: matches.length }
  }

  function sort (contents: object[], sortBy: string) {
    return new SCIMMY.Messages.ListResponse(contents as SCIMMY.Types.Schema[], { sortBy, sortOrder, itemsPerPage: contents.length }).Resources
  }
}
