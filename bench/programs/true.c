/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program that process.c starts. */
int main(void)
{
    return 0;
}
