/** What is said of a database by a program that is older than it: to go on could spoil what it does not know. */
export const newerDatabase =
  "it was migrated by a newer version of Carillon: run that one, or restore a backup that was made before";
