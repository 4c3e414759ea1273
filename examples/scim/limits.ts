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
/** Characters of the lists of attributes to return or to leave out. */
export const maxAttributesLength = 2000
/**
 * Comparisons of values with conditions in a PATCH request; one of a text counts once more for each 100 characters.
 * Values that are selected by `value eq "..."` are found without.
 */
export const maxComparisons = 1_000_000
/** The same for a list whose filter has several conditions, with all values of each resource. */
export const maxListComparisons = 20_000_000
/** Resources of a page (the `maxResults` of the filter in `ServiceProviderConfig`). */
export const maxPageSize = 200
