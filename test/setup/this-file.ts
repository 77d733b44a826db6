/** Another object for each file of tests, as every module's state is. */
export const thisFile = {};
