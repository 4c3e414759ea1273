// What is over these is rejected before any work is done for it.

/** Characters of a filter. */
export const maxFilterLength = 8000
/** Conditions of a filter. */
export const maxFilterTerms = 100
/** Brackets of a filter that are open at once. */
export const maxFilterDepth = 50
/** Characters of the path of a PATCH operation. */
export const maxPathLength = 1000
/** Operations of a PATCH request. */
export const maxOperations = 10_000
/** Values of a multi-valued attribute, such as the members of a group. */
export const maxValues = 100_000
/** Comparisons of values with conditions in a PATCH request. Values that are selected by `value eq "..."` are found without. */
export const maxComparisons = 1_000_000
/** Resources of a page (the `maxResults` of the filter in `ServiceProviderConfig`). */
export const maxPageSize = 200
