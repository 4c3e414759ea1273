/** What of Stryker is used: https://stryker-mutator.io/docs/stryker-js/configuration */
export default {
  mutate: ['lib/**/*.ts'],
  ignorePatterns: ['/bench', '/dist', '/docs', '/test/mutation'],
  plugins: ['@stryker-mutator/tap-runner', './test/mutation/tap-learning.js'],
  testRunner: 'tap-learning',
  tap: {
    // The README's needs dist/. The other three start a database to kill nothing that the rest does not.
    testFiles: ['test/!(readme|concurrent-settings).test.ts', 'test/wire/!(postgres).test.ts', 'test/stores/!(pglite).test.ts'],
    // Killed at its first failure, a test would leave its PostgreSQL's data behind.
    forceBail: false
  },
  // A mutant that survives runs every test, with another mutant beside it: with 1.5 it was taken for a hanging one.
  timeoutFactor: 3,
  coverageAnalysis: 'perTest',
  concurrency: 2,
  thresholds: { high: 100, low: 95, break: 95 },
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { logTests: false, reportTests: false },
  htmlReporter: { fileName: '.tap/mutation/report.html' },
  jsonReporter: { fileName: '.tap/mutation/report.json' },
  tempDirName: '.tap/stryker'
}
