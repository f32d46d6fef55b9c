#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stdlib.h>

/* The processor level that the compiler flags select. MSVC has no macros for level v2. */
#if defined(__AVX2__) && (defined(_MSC_VER) || defined(__BMI2__) && defined(__FMA__))
#define COMPILED_FOR "x86_64_v3"
#elif defined(__SSE4_2__) && defined(__POPCNT__)
#define COMPILED_FOR "x86_64_v2"
#else
#define COMPILED_FOR "any"
#endif

static PyObject *entropy(PyObject *module, PyObject *argument)
{
    char *bytes;
    Py_ssize_t size;
    Py_ssize_t *counts;
    double bits = 0;

    if (PyBytes_AsStringAndSize(argument, &bytes, &size) < 0)
        return NULL;
    counts = calloc(256, sizeof *counts);
    if (counts == NULL)
        return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < size; i++)
        counts[(unsigned char)bytes[i]]++;
    for (int i = 0; i < 256; i++)
        if (counts[i])
            bits += (double)counts[i] / (double)size * log2((double)size / (double)counts[i]);
    free(counts);
    return PyFloat_FromDouble(bits);
}

static PyObject *compiled_for(PyObject *module, PyObject *unused)
{
    return PyUnicode_FromString(COMPILED_FOR);
}

static PyMethodDef methods[] = {
    {"entropy", entropy, METH_O, "Return the average bits of information per byte of a bytes object."},
    {"compiled_for", compiled_for, METH_NOARGS, "Return the processor level for which this module was compiled."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_entropy", NULL, 0, methods};

PyMODINIT_FUNC PyInit__entropy(void)
{
    return PyModuleDef_Init(&definition);
}
